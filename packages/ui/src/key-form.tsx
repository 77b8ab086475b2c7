import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { hubKey, rememberKey } from './hub-key.ts';
import { retryNow } from './page.ts';

/** Asks for the hub's key. If one was given already, the hub has refused it. */
export function KeyForm({ purpose }: { purpose: string }): JSX.Element {
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
      <h2>This hub asks for a key</h2>
      <p>
        It was started with one, and {purpose} needs it. The key stays in this tab and is forgotten when the tab is
        closed.
      </p>
      {hubKey.value !== '' && (
        <p class="problem" role="alert">
          The hub did not take the key that was given.
        </p>
      )}
      <label for="key">Key</label>
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
          Use this key
        </button>
      </div>
    </form>
  );
}
