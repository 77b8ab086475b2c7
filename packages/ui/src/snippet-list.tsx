import type { JSX } from 'preact';
import { CopySnippet } from './copy-snippet.tsx';
import { credentialName, hubKey } from './hub-key.ts';
import { keyNote, namesKey } from './snippet.ts';
import type { Snippet } from './snippet.ts';
import { TicketSnippet } from './ticket-snippet.tsx';

/** Snippets, and what the variable in them stands for. */
export function SnippetList({ snippets }: { snippets: readonly Snippet[] }): JSX.Element {
  return (
    <div class="snippets">
      {snippets.map((snippet) =>
        snippet.ticket ? (
          // A ticket is one of the key, and for the topic.
          <TicketSnippet key={`${snippet.ticket.url} ${hubKey.value}`} snippet={snippet} offer={snippet.ticket} />
        ) : (
          <CopySnippet key={snippet.title} snippet={snippet} />
        ),
      )}
      {snippets.some(namesKey) && (
        <p class="quiet key-note">{keyNote(hubKey.value === '' ? undefined : credentialName.value)}</p>
      )}
    </div>
  );
}
