import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { dismissRefusal, refusedCredential } from './hub-key.ts';
import { KeyForm } from './key-form.tsx';
import { everyoneListens, keyWanted } from './page.ts';

/** Says that the hub does not take the key or token that was given, where the page goes on without it, and asks for another one. */
export function RefusedNotice(): JSX.Element | null {
  const [isAsking, setAsking] = useState(false);
  const refused = refusedCredential.value;
  // Where it cannot go on, it asks for another one by itself.
  if (refused === undefined || !everyoneListens.value || keyWanted.value) return null;
  const { name, reason } = refused;
  return (
    <section id="refused-key" class="refused-key card" aria-label={`The ${name} was refused`}>
      <p class="problem" role="alert">
        The hub does not take the {name} that was given. {reason}
      </p>
      <p>It is forgotten, and this page goes on with what everyone may do.</p>
      <p class="choices">
        {!isAsking && (
          <button type="button" id="another-key" onClick={() => setAsking(true)}>
            Give another one
          </button>
        )}
        <button type="button" id="dismiss-refusal" class="link" onClick={dismissRefusal}>
          Go on without
        </button>
      </p>
      {isAsking && <KeyForm purpose={undefined} />}
    </section>
  );
}
