import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { sender } from './hub-key.ts';
import { listConnection, openTopicPage } from './page.ts';

/** Why there is no list of topics, and a way to open one without it. */
export function MissingList(): JSX.Element {
  const name = useRef<HTMLInputElement>(null);
  const { phase, status, reason } = listConnection.value;
  if (phase !== 'closed') return <p class="quiet">Waiting for the hub…</p>;
  if (status === 401) return <p class="quiet">The list needs a key or token.</p>;
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        openTopicPage(name.current?.value ?? '');
      }}
    >
      <p id="no-list" class="quiet">
        {status === 403 ? `${sender.value} may not list the topics.` : reason}
      </p>
      <label for="open-name">Open a topic by its name</label>
      <div class="key-row">
        <input id="open-name" ref={name} required autocomplete="off" spellcheck={false} />
        <button type="submit">Open</button>
      </div>
    </form>
  );
}
