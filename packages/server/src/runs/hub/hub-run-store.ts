import { type ItemIterator, iteratorOf } from '../../log/reading/iterator.ts';
import { newToken } from '../../log/keeping/topic-options.ts';
import { EARLIEST, formatCursor, parseCursor } from '../../log/position.ts';
import { endOf, errorIn, type StoredEvent } from '../store/chunk-form.ts';
import { type ItemsContext, RunItems } from '../store/run-items.ts';
import type { NewChunk, RunGap, RunItem, RunStatus } from '../store/run.ts';
import type {
  AcquireOptions,
  ReadOptions,
  RunLease,
  RunOutcome,
  RunStore,
  StopRequest,
  StopWatch,
} from '../store/run-store.ts';
import { RunTopics } from '../store/run-topics.ts';
import { runToStop, STOPS_TTL_MS, stopRequest, topicOfStops } from '../store/stop-request.ts';
import { keepWatching } from '../store/stop-watch.ts';
import { HubConnection, type HubConnectionOptions } from './hub-connection.ts';
import { hubEvents } from './hub-events.ts';
import { hubRunItems, placeAtHub } from './hub-run-items.ts';
import { HubRunWriter } from './hub-run-writer.ts';
import { lineOf } from './hub-line.ts';
import { HubTopics } from './hub-topics.ts';

export interface HubRunStoreOptions extends HubConnectionOptions {
  readonly topic: string;
  /** Whether the events are private. */
  readonly private: boolean;
}

/** A page has at most this many events (PROTOCOL §14.3). */
const PAGE_EVENTS = '1000';

/** Runs at a hub: each is a topic. */
export class HubRunStore implements RunStore {
  readonly #topics: HubTopics;
  readonly #names: RunTopics;
  readonly #writer: HubRunWriter;

  constructor({ topic, private: isPrivate, ...connection }: HubRunStoreOptions) {
    this.#topics = new HubTopics(new HubConnection(connection));
    this.#names = new RunTopics(topic);
    this.#writer = new HubRunWriter(this.#topics, this.#names, isPrivate);
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
    const gone = new AbortController();
    const items = hubRunItems(this.#topics, this.#names.of(id), this.#contextOf(id), { after, signal: gone.signal });
    const leave = (): void => {
      signal?.removeEventListener('abort', leave);
      gone.abort();
    };
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
    const take = async (): Promise<RunItem | undefined> => {
      if (gone.signal.aborted) return undefined;
      try {
        const { value } = await items.next();
        return value ?? undefined;
      } catch (error) {
        if (gone.signal.aborted) return undefined;
        throw error;
      }
    };
    return iteratorOf(take, leave);
  }

  async snapshot(id: string, { after: given, signal }: ReadOptions = {}): Promise<readonly RunItem[]> {
    const topic = this.#names.of(id);
    const { lastEventId: newest } = await this.status(id);
    if (newest === undefined) return [];
    const { after, gap: unknown } = await placeAtHub(this.#topics, topic, given, { signal });
    const items: RunItem[] = unknown ? [unknown] : [];
    const maker = new RunItems(this.#contextOf(id), after === undefined);
    let lastEventId = after ?? EARLIEST;
    for (;;) {
      const { events, next, state, gap } = await this.#topics.page(
        topic,
        { lastEventId, limit: PAGE_EVENTS },
        { signal },
      );
      if (gap) items.push({ type: 'gap', gap });
      for (const [at, event] of events.entries()) {
        items.push(...(await maker.of(event, state === 'closed' && at === events.length - 1)));
        if (event.id === newest) return items;
      }
      if (events.length === 0 || state === 'closed') return items;
      lastEventId = next;
    }
  }

  async status(id: string): Promise<RunStatus> {
    const topic = this.#names.of(id);
    const { state, events } = await this.#topics.page(topic, { last: '1' });
    const last = events.at(-1);
    if (state === 'closed' && last) {
      const end = endOf(last);
      const error = end.state === 'failed' ? await this.#errorOf(id) : undefined;
      return { id, state: end.state, lastEventId: end.id, ...(error === undefined ? {} : { error }) };
    }
    if (state !== 'open') return { id, state: 'unknown' };
    const leasedUntil = await this.#topics.leasedUntil(topic);
    if (last || leasedUntil !== undefined) return { id, state: 'streaming', lastEventId: last?.id, leasedUntil };
    // It may have begun, and be over, between the two answers.
    const { events: since } = await this.#topics.page(topic, { last: '1' });
    return since.length > 0 ? await this.status(id) : { id, state: 'unknown' };
  }

  async delete(id: string): Promise<boolean> {
    const existed = await this.#topics.delete(this.#names.of(id));
    await this.#topics.delete(this.#names.errorOf(id));
    return existed;
  }

  async askToStop(id: string): Promise<void> {
    const topic = this.#names.stops;
    await topicOfStops(this.#topics.create(topic, { ttlMs: STOPS_TTL_MS, keep: 'latest' }));
    const line = { ...lineOf(topic, stopRequest(id)), private: true, key: id, forget: true };
    await this.#topics.publish([line], newToken());
  }

  watchStops(onStop: (request: StopRequest) => void, onError: (error: unknown) => void = () => {}): StopWatch {
    const topic = this.#names.stops;
    const { connection } = this.#topics;
    const watch = async (signal: AbortSignal): Promise<void> => {
      const events = hubEvents({ connection, topic, lastEventId: '', signal, isThere: async () => true });
      for await (const event of events) {
        const id = runToStop(event);
        if (id !== undefined) onStop({ id, at: event.lastEventId });
      }
    };
    return keepWatching(watch, onError, connection.clock);
  }

  #contextOf(id: string): ItemsContext {
    return { missingBefore: (first) => this.#missingBefore(id, first), error: () => this.#errorOf(id) };
  }

  async #missingBefore(id: string, first: StoredEvent): Promise<RunGap | undefined> {
    const position = parseCursor(first.id);
    if (!position) return undefined;
    const lastEventId = formatCursor({ ...position, seq: 0 });
    const { gap } = await this.#topics.page(this.#names.of(id), { lastEventId, limit: '1' });
    return gap?.reason === 'trimmed' ? { type: 'gap', gap } : undefined;
  }

  async #errorOf(id: string): Promise<string | undefined> {
    const [event] = (await this.#topics.page(this.#names.errorOf(id), { last: '1' })).events;
    return event && errorIn(event.data);
  }
}
