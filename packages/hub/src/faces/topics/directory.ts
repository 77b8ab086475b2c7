import { setTimeout as delay } from 'node:timers/promises';
import type { EventFields } from '@tidings/wire';
import type { FanOut } from '@tidings/server/live';
import { formatCursor, type EventLog } from '@tidings/server/log';

const MAX_TOPICS = 1000;

// The list is made at most so often, however many ask for it.
const REFRESH_MS = 1000;

/** What topics there are, as a document and as a stream of them (PROTOCOL §7). */
export class TopicList {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  #document = '';
  #madeAt = Number.NEGATIVE_INFINITY;

  constructor(log: EventLog, fanOut: FanOut) {
    this.#log = log;
    this.#fanOut = fanOut;
  }

  /** The document as it is now. */
  make(): string {
    const all = [...this.#log.topics()].toSorted((a, b) => b.last - a.last);
    const topics = all.slice(0, MAX_TOPICS).map(({ topic, events, bytes, last }) => ({
      topic,
      events,
      bytes,
      listeners: this.#fanOut.listenersOf(topic),
      last: new Date(last).toISOString(),
    }));
    const head = this.#log.head();
    return JSON.stringify({ topics, total: all.length, cursor: formatCursor(head), epoch: head.epoch });
  }

  /** One document at once, then one whenever it has changed. */
  async *stream(signal: AbortSignal): AsyncIterable<EventFields> {
    let last: string | undefined;
    while (!signal.aborted) {
      const document = this.#recent();
      if (document !== last) yield { event: 'topics', data: document };
      last = document;
      await delay(REFRESH_MS, undefined, { signal }).catch(() => {});
    }
  }

  #recent(): string {
    const now = performance.now();
    if (now - this.#madeAt >= REFRESH_MS / 2) {
      this.#document = this.make();
      this.#madeAt = now;
    }
    return this.#document;
  }
}
