import type { JSX } from 'preact';
import { DataView } from './data-view.tsx';
import type { EventRow } from './feed.ts';
import { readObject } from './read-object.ts';

const CLOSED: Readonly<Record<string, string>> = {
  closed: 'The topic was closed.',
  'lease-expired': 'The topic was closed, because the lease of its producer ended.',
};

/** What an event says: its data, and of the hub's own events what they mean. */
export function EventBody({ row }: { row: EventRow }): JSX.Element {
  if (row.type === 'tidings-forgotten' && row.latestKey !== undefined) {
    return (
      <p class="said">
        The key <code>{row.latestKey}</code> was forgotten.
      </p>
    );
  }
  const closed = row.type === 'tidings-closed' ? CLOSED[String(readObject(row.data)['reason'])] : undefined;
  return closed === undefined ? <DataView data={row.data} /> : <p class="said">{closed}</p>;
}
