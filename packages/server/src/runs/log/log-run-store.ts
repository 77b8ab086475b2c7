import { readEvent } from '../../audience/event-reader.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { ServerError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import { checkLog } from '../../log/log-check.ts';
import { formatCursor } from '../../log/position.ts';
import { EntryReader } from '../../log/reading/entry-reader.ts';
import { type ItemIterator, iteratorOf } from '../../log/reading/iterator.ts';
import type { Selection } from '../../log/selection.ts';
import type { TopicStates, TopicStatus } from '../../log/topic-states.ts';
import { endOf, errorIn, type StoredEvent } from '../store/chunk-form.ts';
import type { NewChunk, RunEnd, RunGap, RunItem, RunStatus } from '../store/run.ts';
import type {
  AcquireOptions,
  ReadOptions,
  RunLease,
  RunOutcome,
  RunStore,
  StopRequest,
  StopWatch,
} from '../store/run-store.ts';
import type { ItemsContext } from '../store/run-items.ts';
import { RunTopics } from '../store/run-topics.ts';
import { runToStop, STOPS_TTL_MS, stopRequest, topicOfStops } from '../store/stop-request.ts';
import { keepWatching } from '../store/stop-watch.ts';
import { RunReading } from './run-reading.ts';
import { snapshotOf } from './run-snapshot.ts';
import { RunWriter } from './run-writer.ts';

export interface LogRunStoreOptions {
  readonly topic: string;
  /** Whether the events are private. */
  readonly private: boolean;
  readonly clock?: Clock | undefined;
}

/** Runs in a log: each is a topic. */
export class LogRunStore implements RunStore {
  readonly #log: EventLog;
  readonly #topics: TopicStates;
  readonly #names: RunTopics;
  readonly #clock: Clock;
  readonly #writer: RunWriter;

  /** @throws {ServerError} `ERR_INVALID_OPTION` if it is no log, or keeps no states of topics */
  constructor(log: EventLog, { topic, private: isPrivate, clock = systemClock }: LogRunStoreOptions) {
    this.#log = checkLog('log', log);
    if (!log.topics) {
      const message = 'The option log is a log without topics, which keeps no states of topics, but runs need leases';
      throw new ServerError('ERR_INVALID_OPTION', message);
    }
    this.#topics = log.topics;
    this.#names = new RunTopics(topic);
    this.#clock = clock;
    this.#writer = new RunWriter({ log, topics: log.topics, names: this.#names, private: isPrivate, clock });
  }

  acquire(id: string, options: AcquireOptions): Promise<RunLease | undefined> {
    return this.#writer.acquire(id, options);
  }

  append(lease: RunLease, chunks: readonly NewChunk[]): Promise<readonly string[]> {
    return this.#writer.append(lease, chunks);
  }

  finish(lease: RunLease, outcome: RunOutcome): Promise<boolean> {
    return this.#writer.finish(lease, outcome);
  }

  renew(lease: RunLease): Promise<void> {
    return this.#writer.renew(lease);
  }

  read(id: string, { after, signal }: ReadOptions = {}): ItemIterator<RunItem> {
    const status = (): Promise<TopicStatus> => this.#topics.status(this.#names.of(id));
    const reading = new RunReading({ ...this.#contextOf(id), clock: this.#clock, status }, after);
    const leave = (): void => {
      signal?.removeEventListener('abort', leave);
      reading.end();
    };
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
    return iteratorOf(() => reading.take(), leave);
  }

  snapshot(id: string, { after, signal }: ReadOptions = {}): Promise<readonly RunItem[]> {
    return snapshotOf(this.#contextOf(id), after, signal);
  }

  async status(id: string): Promise<RunStatus> {
    const { state, events, finalSeq, newest, leasedUntil } = await this.#topics.status(this.#names.of(id));
    if (state === 'closed') {
      const end = finalSeq === undefined ? undefined : await this.#endAt(id, finalSeq);
      if (!end) return { id, state: 'unknown' };
      const error = end.state === 'failed' ? await this.#errorOf(id) : undefined;
      return { id, state: end.state, lastEventId: end.id, ...(error === undefined ? {} : { error }) };
    }
    if (events === 0 && leasedUntil === undefined) return { id, state: 'unknown' };
    return { id, state: 'streaming', lastEventId: newest?.id, leasedUntil };
  }

  async delete(id: string): Promise<boolean> {
    const { existed } = await this.#topics.delete(this.#names.of(id));
    await this.#topics.delete(this.#names.errorOf(id));
    return existed;
  }

  async askToStop(id: string): Promise<void> {
    const topic = this.#names.stops;
    await topicOfStops(this.#topics.create(topic, { ttlMs: STOPS_TTL_MS, keep: 'latest' }));
    await this.#log.append([{ topics: [topic], fields: stopRequest(id), private: true, latestKey: id, forget: true }]);
  }

  watchStops(onStop: (request: StopRequest) => void, onError: (error: unknown) => void = () => {}): StopWatch {
    const selection: Selection = { topics: [this.#names.stops], private: 'all' };
    const watch = async (signal: AbortSignal): Promise<void> => {
      const reader = new EntryReader(this.#log, selection, {});
      signal.addEventListener('abort', () => reader.end(), { once: true });
      try {
        for (;;) {
          const entry = await reader.take();
          if (!entry) return;
          if ('gap' in entry) continue;
          const id = runToStop(readEvent(entry));
          if (id !== undefined) onStop({ id, at: entry.id });
        }
      } finally {
        reader.end();
      }
    };
    return keepWatching(watch, onError, this.#clock);
  }

  #contextOf(id: string): ItemsContext & { readonly log: EventLog; readonly selection: Selection } {
    return {
      log: this.#log,
      selection: this.#selectionOf(id),
      missingBefore: (first) => this.#missingBefore(id, first),
      error: () => this.#errorOf(id),
    };
  }

  async #missingBefore(id: string, first: StoredEvent): Promise<RunGap | undefined> {
    const selection = this.#selectionOf(id);
    const { after: seq, epoch } = await this.#log.locate(first.id, selection);
    const page = await this.#log.read({ selection, after: 0, through: seq, maxBytes: 1 });
    if (epoch === undefined || page.trimmedThrough <= (page.deletedThrough ?? 0)) return undefined;
    const cursorOf = (at: number): string => formatCursor({ epoch, seq: at });
    // Not the place before the first event, which may be that of another run: who goes on from there would be told again.
    const resumedAt = cursorOf(Math.min(page.trimmedThrough, seq - 1));
    return { type: 'gap', gap: { after: cursorOf(0), resumedAt, reason: 'trimmed' } };
  }

  #selectionOf(id: string): Selection {
    return { topics: [this.#names.of(id)], private: 'all' };
  }

  async #endAt(id: string, seq: number): Promise<RunEnd | undefined> {
    const selection = this.#selectionOf(id);
    const page = await this.#log.read({ selection, after: seq - 1, through: seq, maxBytes: 1 });
    const [entry] = page.entries;
    return entry && endOf(readEvent(entry));
  }

  async #errorOf(id: string): Promise<string | undefined> {
    const selection = { topics: [this.#names.errorOf(id)], private: 'all' } as const;
    const { after, head } = await this.#log.locateLast(selection, 1);
    const [entry] = (await this.#log.read({ selection, after, through: head, maxBytes: 1 })).entries;
    return entry && errorIn(readEvent(entry).data);
  }
}
