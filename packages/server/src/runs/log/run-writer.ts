import type { Clock } from '../../clock.ts';
import type { LogEntry, NewEvent } from '../../log/entry.ts';
import type { EventLog } from '../../log/event-log.ts';
import { EARLIEST } from '../../log/position.ts';
import { newToken } from '../../log/keeping/topic-options.ts';
import type { TopicStates } from '../../log/topic-states.ts';
import { NO_TYPE, typeOf } from '../../log/type-of.ts';
import { BEGIN_FIELDS, fieldsOfChunk, fieldsOfEnd, fieldsOfError } from '../store/chunk-form.ts';
import { codeOf, isOver, notBegun, runOver } from '../store/run-over.ts';
import type { NewChunk } from '../store/run.ts';
import type { AcquireOptions, RunLease, RunOutcome } from '../store/run-store.ts';
import type { RunTopics } from '../store/run-topics.ts';

/** For how long a lease is asked for while the store is out of reach, in milliseconds. */
const PATIENCE_MS = 15_000;

/** How long it waits before it asks again a store that is out of reach, in milliseconds. */
const AGAIN_MS = 100;

export interface WriterContext {
  readonly log: EventLog;
  readonly topics: TopicStates;
  readonly names: RunTopics;
  readonly private: boolean;
  readonly clock: Clock;
}

/** What the writer knows of a run beside its lease. */
interface Written {
  /** The sequence number of the newest event of the run; 0 if it has none. */
  lastSeq: number;
  readonly ttlMs: number | undefined;
}

/** Writes runs into a log. */
export class RunWriter {
  readonly #context: WriterContext;
  readonly #written = new WeakMap<RunLease, Written>();

  constructor(context: WriterContext) {
    this.#context = context;
  }

  async acquire(id: string, { leaseMs, ttlMs }: AcquireOptions): Promise<RunLease | undefined> {
    const { topics, names } = this.#context;
    const topic = names.of(id);
    const key = newToken();
    const token = await this.#again(PATIENCE_MS, () => this.#lease(topic, leaseMs, key));
    if (token === undefined) return undefined;
    const lease = { id, token, ms: leaseMs };
    try {
      await this.#again(leaseMs, () => topics.create(topic, { ttlMs }));
      const [begunAt] = await this.#append(lease, [this.#event(lease, BEGIN_FIELDS)]);
      return this.#known({ ...lease, begunAt }, await this.#writtenBy(lease));
    } catch (error) {
      if (codeOf(error) === 'ERR_RUN_OVER') throw notBegun(id, leaseMs, error);
      // Nothing is left of a topic that was only leased.
      await topics.release(topic, token).catch(() => {});
      throw error;
    }
  }

  async append(lease: RunLease, chunks: readonly NewChunk[]): Promise<readonly string[]> {
    const events = chunks.map((chunk) => this.#event(lease, fieldsOfChunk(chunk)));
    if (events.length === 0) return [];
    return await this.#append(lease, events);
  }

  async finish(lease: RunLease, outcome: RunOutcome): Promise<boolean> {
    const { topics, names } = this.#context;
    const events: NewEvent[] = [];
    if (outcome.state === 'failed' && outcome.error !== undefined) {
      const topic = names.errorOf(lease.id);
      const { ttlMs } = await this.#writtenBy(lease);
      await this.#again(lease.ms, () => topics.create(topic, { ttlMs }));
      events.push({ topics: [topic], fields: fieldsOfError(outcome.error), private: true });
    }
    events.push({ ...this.#event(lease, fieldsOfEnd(outcome)), final: true });
    try {
      await this.#append(lease, events);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ERR_RUN_OVER') return false;
      throw error;
    }
  }

  async renew({ id, token, ms }: RunLease): Promise<void> {
    const { topics, names } = this.#context;
    try {
      await this.#again(ms, () => topics.lease(names.of(id), ms, { token }));
    } catch (error) {
      throw isOver(error) ? runOver('renew the lease of', id, error) : error;
    }
  }

  #event({ id }: RunLease, fields: NewEvent['fields']): NewEvent {
    return { topics: [this.#context.names.of(id)], fields, private: this.#context.private };
  }

  /** The token of a new lease, or undefined if somebody has or had one. */
  async #lease(topic: string, ms: number, key: string): Promise<string | undefined> {
    try {
      return (await this.#context.topics.lease(topic, ms, { key })).token;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ERR_LEASED' || code === 'ERR_TOPIC_CLOSED') return undefined;
      throw error;
    }
  }

  /**
   * Appends behind what the run has. The lease makes this its one writer, so that the number of its newest event tells after a lost answer whether the events
   * were stored: without the keys of appends, of which a log remembers only so many.
   */
  async #append(lease: RunLease, events: readonly NewEvent[]): Promise<readonly string[]> {
    const { log, names } = this.#context;
    const topic = names.of(lease.id);
    const written = await this.#writtenBy(lease);
    let isUnsure = false;
    const attempt = async (): Promise<readonly string[]> => {
      const conditions = [{ topic, lastSeq: written.lastSeq }];
      try {
        const receipt = await log.append(events, { leases: [lease.token], conditions });
        written.lastSeq = receipt.seq;
        return receipt.ids;
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ERR_STORE_AWAY') isUnsure = true;
        const mayBeStored = isUnsure && (code === 'ERR_CONDITION' || code === 'ERR_TOPIC_CLOSED');
        const stored = mayBeStored ? await this.#storedBehind(topic, written.lastSeq) : [];
        if (isSame(stored, events, topic)) {
          written.lastSeq = stored.at(-1)?.seq ?? 0;
          return stored.map(({ id }) => id);
        }
        if (isOver(error)) throw runOver('append to', lease.id, error);
        if (code !== 'ERR_CONDITION') throw error;
        // What it had was trimmed.
        written.lastSeq = (await this.#ask(lease)).lastSeq;
        throw new TrimmedMeanwhile('The newest event of the run was trimmed', { cause: error });
      }
    };
    return await this.#again(lease.ms, attempt);
  }

  async #storedBehind(topic: string, after: number): Promise<readonly LogEntry[]> {
    const { log } = this.#context;
    const selection = { topics: [topic], private: 'all' } as const;
    const { head } = await log.locate(EARLIEST, selection);
    // A batch of a run is small: one page holds all of it.
    return (await log.read({ selection, after, through: head, maxBytes: Number.MAX_SAFE_INTEGER })).entries;
  }

  async #writtenBy(lease: RunLease): Promise<Written> {
    let written = this.#written.get(lease);
    // The lease is new, or was made by another process.
    if (!written) this.#known(lease, (written = await this.#again(lease.ms, () => this.#ask(lease))));
    return written;
  }

  #known(lease: RunLease, written: Written): RunLease {
    this.#written.set(lease, written);
    return lease;
  }

  async #ask({ id }: RunLease): Promise<Written> {
    const { newest, options } = await this.#context.topics.status(this.#context.names.of(id));
    return { lastSeq: newest?.seq ?? 0, ttlMs: options?.ttlMs };
  }

  /** Tries again while the store is out of reach or has no room, for at most this time. */
  async #again<T>(ms: number, attempt: () => Promise<T>): Promise<T> {
    const { clock } = this.#context;
    const end = clock.now() + ms;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof TrimmedMeanwhile) continue;
        const code = codeOf(error);
        const mayPass = code === 'ERR_STORE_AWAY' || code === 'ERR_TOO_MUCH_WAITS';
        if (!mayPass || clock.now() >= end) throw error;
        await new Promise<void>((resolve) => {
          clock.setTimeout(resolve, AGAIN_MS);
        });
      }
    }
  }
}

/** A condition did not hold, and can hold now. */
class TrimmedMeanwhile extends Error {}

/** Whether what is stored is a batch. A log closes a topic whose lease has ended with an event of its own, which is another one. */
function isSame(stored: readonly LogEntry[], batch: readonly NewEvent[], topic: string): boolean {
  const own = batch.filter(({ topics }) => topics[0] === topic);
  return (
    stored.length === own.length && stored.every((entry, at) => typeOf(entry) === (own[at]?.fields.event || NO_TYPE))
  );
}
