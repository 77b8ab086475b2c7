import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { credentialName, hubKey, rememberKey } from './hub-key.ts';
import { retryNow } from './page.ts';

/**
 * Asks for the hub's key, or for a token. If one was given already, the hub has refused it.
 * @param props - what needs it, and why the hub has refused that
 */
export function KeyForm({ purpose, refusal }: { purpose: string; refusal: string | undefined }): JSX.Element {
  const [key, setKey] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  const submit = (event: Event): void => {
    event.preventDefault();
    // If the same key is entered again, the hub should be asked again.
    if (key.trim() === hubKey.peek()) retryNow();
    else void rememberKey(key.trim());
  };
  return (
    <form id="key-form" class="card key-form" onSubmit={submit}>
      <h2>This hub asks for a key or token</h2>
      <p>It was started with one, and {purpose} needs it. This tab keeps it until it is closed.</p>
      {hubKey.value !== '' && (
        <p class="problem" role="alert">
          The hub did not take the {credentialName.value} that was given. {refusal}
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
