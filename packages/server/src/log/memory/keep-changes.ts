import type { LogEntry } from '../entry.ts';
import { isReplaceable } from '../keeping/latest-name.ts';
import type { KeptEntries } from './kept-entries.ts';
import type { LatestKeys } from './latest-keys.ts';

// Entries of a topic that are gone through before others have their turn.
const MAX_CHANGED = 1000;

/** What changing what is kept of a topic needs of its log. */
export interface KeepChangesHost {
  isClosed(): boolean;
  /** The newest of each key. It is made if there is none. */
  latest(): LatestKeys;
  /** Removes the entries that another one replaces. */
  replace(latest: LatestKeys, entry: LogEntry): void;
  /** Counts what a change makes the newest of each key cost. */
  charge(latest: LatestKeys, change: () => void): void;
  /** Applies the retention. */
  trim(): void;
}

/** Makes the entries of a topic what they would be if it had always kept the latest, or frees what that took if it keeps all from now on. */
export class KeepChanges {
  readonly #kept: KeptEntries;
  readonly #host: KeepChangesHost;

  constructor(kept: KeptEntries, host: KeepChangesHost) {
    this.#kept = kept;
    this.#host = host;
  }

  /** Between the steps others have their turn, and may append to the topic or change it again. */
  async run(topic: string): Promise<void> {
    const isLatest = this.#kept.keepsLatest(topic);
    const latest = this.#host.latest();
    for (let after = 0; !this.#host.isClosed() && this.#kept.keepsLatest(topic) === isLatest;) {
      const entries = this.#kept.oldestOf(topic, MAX_CHANGED, after);
      if (isLatest) this.#keepLatest(latest, entries);
      else this.#host.charge(latest, () => latest.forgetTopic(topic, entries));
      const last = entries.at(-1);
      if (!last || entries.length < MAX_CHANGED) return;
      after = last.seq;
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  #keepLatest(latest: LatestKeys, entries: readonly LogEntry[]): void {
    this.#kept.noteLatest(entries);
    for (const entry of entries) {
      this.#host.replace(latest, entry);
      // Newer ones may have been appended meanwhile.
      const topics = this.#kept.latestTopicsOf(entry);
      if (topics.length < entry.topics.length || !isReplaceable(entry) || !latest.isReplaced(entry, topics)) continue;
      this.#kept.remove(entry);
    }
    this.#host.trim();
  }
}
