import type { LogEntry } from '../entry.ts';
import type { FollowStart, LogFollower } from '../event-log.ts';

/** A follower that records its calls. */
export class Recorder implements LogFollower {
  /** What happened, in order: `start 3`, `batch 4,5`, `lost`. */
  readonly steps: string[] = [];
  readonly starts: FollowStart[] = [];
  readonly entries: LogEntry[] = [];
  readonly #onBatch: ((batch: readonly LogEntry[]) => void) | undefined;
  readonly #waiting = new Set<() => void>();
  losses = 0;

  /** @param onBatch is called with each batch, once it is written down */
  constructor(onBatch?: (batch: readonly LogEntry[]) => void) {
    this.#onBatch = onBatch;
  }

  get seqs(): number[] {
    return this.entries.map(({ seq }) => seq);
  }

  onStart(start: FollowStart): void {
    this.steps.push(`start ${start.seq}`);
    this.starts.push(start);
    this.#check();
  }

  onBatch(batch: readonly LogEntry[]): void {
    this.steps.push(`batch ${batch.map(({ seq }) => seq).join()}`);
    this.entries.push(...batch);
    this.#onBatch?.(batch);
    this.#check();
  }

  onLost(): void {
    this.steps.push('lost');
    this.losses += 1;
    this.#check();
  }

  /** Resolves when something is so, which is asked now and after whatever the log tells. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!isSo()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }

  /** Resolves when following has begun for the first time, with the position. */
  async started(): Promise<FollowStart> {
    await this.until(() => this.starts.length > 0);
    return this.starts[0] ?? { epoch: '', seq: 0, publicSeq: 0 };
  }

  /** Resolves when an event has been handed over, or following has begun after it. */
  async reached(seq: number): Promise<void> {
    await this.until(() => Math.max(this.entries.at(-1)?.seq ?? 0, this.starts.at(-1)?.seq ?? 0) >= seq);
  }

  #check(): void {
    for (const check of this.#waiting) check();
  }
}
