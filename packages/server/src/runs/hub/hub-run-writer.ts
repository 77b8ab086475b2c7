import { newToken } from '../../log/keeping/topic-options.ts';
import { BEGIN_FIELDS, fieldsOfChunk, fieldsOfEnd, fieldsOfError } from '../store/chunk-form.ts';
import { codeOf, isOver, notBegun, runOver } from '../store/run-over.ts';
import type { NewChunk } from '../store/run.ts';
import type { AcquireOptions, RunLease, RunOutcome } from '../store/run-store.ts';
import type { RunTopics } from '../store/run-topics.ts';
import { lineOf } from './hub-line.ts';
import { HubPublishes } from './hub-publishes.ts';
import type { HubLine, HubTopics } from './hub-topics.ts';

/** For how long the error of a run is kept, in milliseconds, if whoever ends the run has not begun it and does not know its time to live. */
const ERROR_TTL_MS = 24 * 60 * 60 * 1000;

/** Writes runs to a hub. Each request has a key, so that it can be sent again after a lost answer. */
export class HubRunWriter {
  readonly #topics: HubTopics;
  readonly #publishes: HubPublishes;
  readonly #names: RunTopics;
  readonly #private: boolean;
  /** The times to live of the runs that were begun here, in milliseconds. */
  readonly #ttls = new WeakMap<RunLease, number>();

  constructor(topics: HubTopics, names: RunTopics, isPrivate: boolean) {
    this.#topics = topics;
    this.#publishes = new HubPublishes(topics);
    this.#names = names;
    this.#private = isPrivate;
  }

  async acquire(id: string, { leaseMs, ttlMs }: AcquireOptions): Promise<RunLease | undefined> {
    const topic = this.#names.of(id);
    const token = await this.#lease(topic, leaseMs);
    if (token === undefined) return undefined;
    const lease = { id, token, ms: leaseMs };
    try {
      await this.#topics.create(topic, { ttlMs });
      const [begunAt] = await this.#publish(lease, [this.#line(lease, BEGIN_FIELDS)]);
      const begun = { ...lease, begunAt };
      this.#ttls.set(begun, ttlMs);
      return begun;
    } catch (error) {
      if (codeOf(error) === 'ERR_RUN_OVER') throw notBegun(id, leaseMs, error);
      // Nothing is left of a topic that was only leased.
      await this.#topics.release(topic, token).catch(() => {});
      throw error;
    }
  }

  async append(lease: RunLease, chunks: readonly NewChunk[]): Promise<readonly string[]> {
    const lines = chunks.map((chunk) => this.#line(lease, fieldsOfChunk(chunk)));
    if (lines.length === 0) return [];
    return await this.#publish(lease, lines);
  }

  async finish(lease: RunLease, outcome: RunOutcome): Promise<boolean> {
    const lines: HubLine[] = [];
    if (outcome.state === 'failed' && outcome.error !== undefined) {
      const topic = this.#names.errorOf(lease.id);
      await this.#topics.create(topic, { ttlMs: this.#ttls.get(lease) ?? ERROR_TTL_MS });
      lines.push({ ...lineOf(topic, fieldsOfError(outcome.error)), private: true });
    }
    lines.push({ ...this.#line(lease, fieldsOfEnd(outcome)), close: true });
    try {
      await this.#publish(lease, lines);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ERR_RUN_OVER') return false;
      throw error;
    }
  }

  async renew({ id, token, ms }: RunLease): Promise<void> {
    try {
      await this.#topics.lease(this.#names.of(id), ms, { token });
    } catch (error) {
      throw isOver(error) ? runOver('renew the lease of', id, error) : error;
    }
  }

  async #publish(lease: RunLease, lines: readonly HubLine[]): Promise<readonly string[]> {
    try {
      return await this.#publishes.publish(lines, lease.ms);
    } catch (error) {
      throw isOver(error) ? runOver('append to', lease.id, error) : error;
    }
  }

  #line({ id, token }: RunLease, fields: Parameters<typeof lineOf>[1]): HubLine {
    return { ...lineOf(this.#names.of(id), fields), lease: token, ...(this.#private ? { private: true } : {}) };
  }

  /** The token of a new lease, or undefined if somebody has or had one. */
  async #lease(topic: string, ms: number): Promise<string | undefined> {
    try {
      return await this.#topics.lease(topic, ms, { key: newToken() });
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ERR_LEASED' || code === 'ERR_TOPIC_CLOSED') return undefined;
      throw error;
    }
  }
}
