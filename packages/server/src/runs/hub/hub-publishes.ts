import { newToken } from '../../log/keeping/topic-options.ts';
import { codeOf } from '../store/run-over.ts';
import type { HubLine, HubTopics } from './hub-topics.ts';

// What one request has at most, the events of one run aside. A hub takes 10,000 events, 16 MiB and 1,000 leases with one (PROTOCOL §4.11, §12.5).
const MAX_LINES = 4096;
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_RUNS = 500;

/** How many requests are under way at a time: more than one, so that the next is on its way while the hub stores what it has. */
const MAX_REQUESTS = 4;

/** What is to be published for one run, whole or not at all. */
interface Waiting {
  readonly lines: readonly HubLine[];
  /** Until when it is worth trying, by the clock of durations. */
  readonly end: number;
  readonly resolve: (ids: readonly string[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Publishes for many runs. There are few requests at a time, and what comes meanwhile goes out together with the next one: so very many runs do not make very many requests. A
 * request is published whole or not at all, so if the hub refuses it because of one run, it is published in halves.
 */
export class HubPublishes {
  readonly #topics: HubTopics;
  readonly #waiting: Waiting[] = [];
  #requests = 0;

  constructor(topics: HubTopics) {
    this.#topics = topics;
  }

  /** Publishes lines, all or none, once. Resolves to their ids. @param ms for how long the hub is asked again while it is away */
  publish(lines: readonly HubLine[], ms: number): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, end: this.#topics.connection.clock.now() + ms, resolve, reject });
      if (this.#requests < MAX_REQUESTS) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#requests += 1;
    while (this.#waiting.length > 0) await this.#send(this.#take());
    this.#requests -= 1;
  }

  #take(): readonly Waiting[] {
    let lines = 0;
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      lines += waiting.lines.length;
      bytes += waiting.lines.reduce((sum, { data }) => sum + data.length, 0);
      if (count > 0 && (lines > MAX_LINES || bytes > MAX_BYTES || count === MAX_RUNS)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const now = this.#topics.connection.clock.now();
    const ms = Math.max(0, ...batch.map(({ end }) => end - now));
    const lines = batch.flatMap((waiting) => waiting.lines);
    try {
      const ids = await this.#topics.publish(lines, newToken(), ms);
      let at = 0;
      for (const waiting of batch) {
        waiting.resolve(ids.slice(at, at + waiting.lines.length));
        at += waiting.lines.length;
      }
    } catch (error) {
      // While the hub is away it is not known what was stored, so nothing is sent under another key.
      if (batch.length > 1 && codeOf(error) !== 'ERR_STORE_AWAY') {
        const half = batch.length >> 1;
        await this.#send(batch.slice(0, half));
        await this.#send(batch.slice(half));
      } else for (const { reject } of batch) reject(error);
    }
  }
}
