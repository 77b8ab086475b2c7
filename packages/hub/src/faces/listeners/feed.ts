import { type Clock, type Presence, SharedChunk } from '@tidings/server/live';
import { sleep } from '../../http/sleep.ts';
import { Changes } from './changes.ts';
import type { ListenerDocuments } from './documents.ts';

// A reader is told of what has changed at most this often, in milliseconds.
const REFRESH_MS = 1000;

/** How many listeners are told of at once. */
const PAGE_LISTENERS = 1000;

export interface FeedParts {
  readonly presence: Presence;
  readonly documents: ListenerDocuments;
  readonly clock: Clock;
  /** The feed ends when one of these is aborted. */
  readonly signals: readonly AbortSignal[];
  /** @default 1000 */
  readonly pageListeners?: number | undefined;
  /** How many changes are kept for a reader. @default 1000 */
  readonly maxChanges?: number | undefined;
}

/** Pages of those who listen to a topic, at the pace of the reader, then what has changed. What has changed on the pages before comes before the next one. */
export async function* listenerFeed(topic: string, parts: FeedParts): AsyncIterable<SharedChunk> {
  const { presence, documents, clock, signals, pageListeners = PAGE_LISTENERS, maxChanges } = parts;
  const changes = new Changes(maxChanges);
  const watch = presence.watch(topic, changes);
  try {
    while (!signals.some(({ aborted }) => aborted)) {
      await watch.refresh();
      const changed = changes.take();
      if (changed.length > 0) yield SharedChunk.fromText(documents.changeEvents(changed));
      const after = changes.next;
      if (after !== undefined) {
        const page = watch.page(after, pageListeners);
        changes.tellThrough(page.isLast ? undefined : page.listeners.at(-1)?.number);
        yield SharedChunk.fromText(documents.pageEvent(topic, page, after));
        // Who is to be told all anew waits as others do: the changes may go on.
        if (!page.isLast && changes.next !== 0) continue;
      }
      await sleep(clock, REFRESH_MS, signals);
    }
  } finally {
    watch.end();
  }
}
