import { type Clock, SharedChunk } from '@tidings/server/live';
import { sleep } from '../../http/sleep.ts';
import { Changes } from '../presence/changes.ts';
import type { ListedObserver, ListedWatch } from '../presence/listed.ts';
import type { ListenerDocuments } from './documents.ts';

// A reader is told of what has changed at most this often, in milliseconds.
const REFRESH_MS = 1000;

/** How many listeners are told of at once. */
const PAGE_LISTENERS = 1000;

export interface FeedParts {
  /** Those who may be watched: of all processes, or of one. */
  readonly listeners: { watch(topic: string, observer: ListedObserver): ListedWatch };
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
  const { listeners, documents, clock, signals, pageListeners = PAGE_LISTENERS, maxChanges } = parts;
  const changes = new Changes(maxChanges);
  const watch = listeners.watch(topic, changes);
  try {
    while (!signals.some(({ aborted }) => aborted)) {
      await watch.refresh();
      const { changes: changed, page } = changes.next(watch, pageListeners);
      if (changed.length > 0) yield SharedChunk.fromText(documents.changeEvents(changed));
      if (page) yield SharedChunk.fromText(documents.pageEvent(topic, page.page, page.after));
      // Who is to be told all anew waits as others do: the changes may go on.
      if (page && !page.page.isLast && !changes.isAnew) continue;
      await sleep(clock, REFRESH_MS, signals);
    }
  } finally {
    watch.end();
  }
}
