import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { hubKey, refusedCredential, rememberKey } from './hub-key.ts';
import { retryNow } from './page.ts';

/**
 * Asks for the hub's key, or for a token. If one was given already, the hub has refused it.
 * @param props - what needs it; undefined if nothing on the page does
 */
export function KeyForm({ purpose }: { purpose: string | undefined }): JSX.Element {
  const [key, setKey] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const refused = purpose === undefined ? undefined : refusedCredential.value;
  useEffect(() => input.current?.focus(), []);

  const submit = (event: Event): void => {
    event.preventDefault();
    // If the same key is entered again, the hub should be asked again.
    if (key.trim() === hubKey.peek()) retryNow();
    else void rememberKey(key.trim());
  };
  return (
    <form id="key-form" class="card key-form" onSubmit={submit}>
      <h2>{purpose === undefined ? 'Give a key or token' : 'This hub asks for a key or token'}</h2>
      <p>
        {purpose !== undefined && `It was started with one, and ${purpose} needs it. `}This tab keeps it until it is
        closed.
      </p>
      {refused !== undefined && (
        <p class="problem" role="alert">
          The hub did not take the {refused.name} that was given. {refused.reason}
        </p>
      )}
      <label for="key">Key or token</label>
      <div class="key-row">
        <input
          id="key"
          ref={input}
          type="password"
          pattern="\s*[!-~]+\s*"
          title="Letters, digits and signs without spaces"
          autocomplete="off"
          spellcheck={false}
          required
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Use it
        </button>
      </div>
    </form>
  );
}
