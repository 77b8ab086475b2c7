import { EventReader } from '../audience/event-reader.ts';
import { Expiry } from '../audience/expiry.ts';
import type { Rights } from '../audience/rights.ts';
import type { Clock } from '../clock.ts';
import { ServerError } from '../errors.ts';
import type { LogEntry } from '../log/entry.ts';
import type { EventLog } from '../log/event-log.ts';
import { EntryReader } from '../log/reading/entry-reader.ts';
import { type ItemIterator, iteratorOf } from '../log/reading/iterator.ts';
import { Selector, type TopicSet } from '../log/selection.ts';
import { eventItem, type Gap, gapItem, type PublishedEvent } from './event-item.ts';
import { checkRequest, type EventsOptions } from './options.ts';

/** The iterations over the events of a channel or a hub, inside the program. */
export class EventIterators {
  readonly #log: EventLog;
  readonly #clock: Clock;
  /** `channel` or `hub`. */
  readonly #of: string;
  readonly #open = new Set<EntryReader>();
  readonly #events = new EventReader();
  #finalSeq: number | undefined;
  #isClosed = false;

  constructor(log: EventLog, clock: Clock, of: string) {
    this.#log = log;
    this.#clock = clock;
    this.#of = of;
  }

  /**
   * Begins an iteration.
   * @throws {ServerError} `ERR_INVALID_OPTION`, `ERR_INVALID_PATTERN`, `ERR_INVALID_RIGHTS`, `ERR_FORBIDDEN`, `ERR_CLOSED`
   */
  open(topics: TopicSet, options: EventsOptions): ItemIterator<PublishedEvent | Gap> {
    const { selection, since, rights } = checkRequest(topics, options, this.#clock.time());
    if (this.#isClosed)
      throw new ServerError('ERR_CLOSED', `Cannot listen: the ${this.#of} has been closed or drained`);
    const { lastEventId, last, signal } = options;
    const accepts = rights?.filter && ((entry: LogEntry): boolean => this.#passes(entry, rights));
    const reader = new EntryReader(this.#log, selection, { lastEventId, last, since, accepts }, true);
    this.#open.add(reader);
    if (this.#finalSeq !== undefined) reader.finish(this.#finalSeq);
    const expiry = rights?.expiresAt === undefined ? undefined : this.#expire(reader, rights.expiresAt);
    const leave = (): void => {
      signal?.removeEventListener('abort', leave);
      expiry?.end();
      reader.end();
      this.#open.delete(reader);
    };
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
    return iteratorOf(() => this.#next(reader, Selector.of(selection), rights), leave);
  }

  /** Every iteration ends after the event of this sequence number. */
  finish(seq: number): void {
    this.#finalSeq = seq;
    for (const reader of this.#open) reader.finish(seq);
  }

  /** Every iteration ends after the events that it holds. One that is behind is told. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#open) reader.close((lastEventId) => closed(this.#of, lastEventId));
    this.#open.clear();
  }

  /** The next item that the rights let pass, or undefined at the end. */
  async #next(
    reader: EntryReader,
    { topics }: Selector,
    rights: Rights | undefined,
  ): Promise<PublishedEvent | Gap | undefined> {
    for (;;) {
      const entry = await reader.take();
      if (!entry) return undefined;
      if ('gap' in entry) return gapItem(entry);
      if (this.#passes(entry, rights)) {
        const topic = entry.topics.find((name) => topics.has(name)) ?? '';
        return eventItem(entry, topic, this.#events);
      }
    }
  }

  #passes(entry: LogEntry, rights: Rights | undefined): boolean {
    if (!rights?.filter) return true;
    const passes: unknown = rights.filter(this.#events.read(entry));
    // A promise would be taken for a yes.
    if (typeof passes === 'boolean') return passes;
    throw new TypeError(`Cannot filter events: the filter returned ${String(passes)}, but must return a boolean`);
  }

  #expire(reader: EntryReader, expiresAt: number): Expiry {
    const expiry = new Expiry(this.#clock, () => {
      reader.fail(new ServerError('ERR_FORBIDDEN', 'Cannot go on listening: the rights have expired'));
    });
    expiry.runUntil(expiresAt);
    return expiry;
  }
}

function closed(of: string, lastEventId: string): ServerError {
  const where = lastEventId === '' ? '' : `; go on after ${JSON.stringify(lastEventId)}`;
  return new ServerError('ERR_CLOSED', `The ${of} was closed before all of its events had been taken${where}`);
}
