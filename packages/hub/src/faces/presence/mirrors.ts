import type { Clock } from '@tidings/server/live';
import type { Processes } from '../../processes/processes.ts';
import type { ListedObserver, ListedWatch } from './listed.ts';
import { Mirror } from './mirror.ts';
import { WATCH, type WatchAnswer, type WatchQuestion } from './watch-messages.ts';

// The others are asked at most this often, in milliseconds, however many readers there are, but for a topic that they were not asked about yet.
const ASK_EVERY_MS = 500;

// How often they are asked in a row as long as one has more to tell. What is left then is told a second later.
const MAX_ROUNDS = 1000;

/** Who listens to the topics that somebody watches in this process, at the other processes. These are asked for what is new, by whoever refreshes a watch. */
export class Mirrors {
  readonly #processes: Processes;
  readonly #clock: Clock;
  readonly #mirrors = new Map<string, Mirror>();
  /** The number of the last answer of each. */
  readonly #seen = new Map<number, number>();
  /** Those that are gone since the others were asked last: they may still have answered. */
  readonly #gone = new Set<number>();
  #asking: Promise<void> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(processes: Processes, clock: Clock) {
    this.#processes = processes;
    this.#clock = clock;
    processes.onGone((process) => {
      if (process === undefined) this.#seen.clear();
      else {
        this.#seen.delete(process);
        this.#gone.add(process);
      }
      for (const mirror of this.#mirrors.values()) {
        if (process === undefined) mirror.clear();
        else mirror.drop(process);
      }
    });
  }

  watch(topic: string, observer: ListedObserver): ListedWatch {
    const mirror = this.#mirrors.get(topic) ?? new Mirror();
    this.#mirrors.set(topic, mirror);
    mirror.observers.add(observer);
    return {
      refresh: () => this.#refresh(mirror),
      page: (after, limit) => mirror.page(after, limit),
      end: () => {
        if (!mirror.observers.delete(observer) || mirror.observers.size > 0) return;
        this.#mirrors.delete(topic);
        // The others need not remember anything for this process.
        if (this.#mirrors.size === 0) void this.#askOthers();
      },
    };
  }

  /** All who watch share one round of questions. */
  async #refresh(mirror: Mirror): Promise<void> {
    while (mirror.observers.size > 0 && !this.#isFresh(mirror)) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
  }

  #isFresh(mirror: Mirror): boolean {
    return mirror.isAsked && this.#clock.now() - this.#askedAt < ASK_EVERY_MS;
  }

  async #ask(): Promise<void> {
    const mirrors = [...this.#mirrors.values()];
    let hasMore = true;
    for (let round = 0; hasMore && round < MAX_ROUNDS; round += 1) {
      this.#gone.clear();
      const answers = await this.#askOthers();
      for (const { process, answer, news } of answers) {
        if (this.#gone.has(process)) continue;
        this.#seen.set(process, answer);
        for (const each of news) this.#mirrors.get(each.topic)?.take(process, each);
      }
      hasMore = answers.some((answer) => answer.hasMore);
    }
    this.#askedAt = this.#clock.now();
    for (const mirror of mirrors) mirror.isAsked = true;
  }

  #askOthers(): Promise<readonly WatchAnswer[]> {
    const question: WatchQuestion = {
      process: this.#processes.number,
      topics: [...this.#mirrors.keys()],
      seen: [...this.#seen],
    };
    return this.#processes.ask<WatchAnswer>(WATCH, question);
  }
}
