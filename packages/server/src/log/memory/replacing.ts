import type { LogEntry } from '../entry.ts';
import { isReplaceable } from '../keeping/latest-name.ts';
import type { LogRetention } from '../keeping/retention.ts';
import { KeepChanges } from './keep-changes.ts';
import type { KeptEntries } from './kept-entries.ts';
import { LatestKeys } from './latest-keys.ts';

export interface ReplacingHost {
  isClosed(): boolean;
  /** Applies the retention. */
  trim(): void;
}

/** Removes the entries of which a newer one of the same key is kept. */
export class Replacing {
  readonly #kept: KeptEntries;
  readonly #changes: KeepChanges;
  /** Whether the newest of a key is that of all topics. */
  readonly #isOfLog: boolean;
  #latest: LatestKeys | undefined;

  /** @param isOfLog whether a key is that of the whole log */
  constructor(kept: KeptEntries, host: ReplacingHost, { perTopic = [] }: LogRetention, isOfLog: boolean) {
    this.#kept = kept;
    this.#isOfLog = isOfLog;
    if (isOfLog || perTopic.some(({ keep }) => keep === 'latest')) this.#latest = new LatestKeys(isOfLog);
    this.#changes = new KeepChanges(kept, {
      isClosed: () => host.isClosed(),
      latest: () => this.begin(),
      replace: (latest, entry) => this.#replace(latest, entry),
      charge: (latest, change) => this.#kept.chargeFor(latest, change),
      trim: () => host.trim(),
    });
  }

  /** From now on it is known which entry is the newest of a key. */
  begin(): LatestKeys {
    return (this.#latest ??= new LatestKeys(false));
  }

  /** An entry has been added. */
  added(entry: LogEntry): void {
    if (this.#latest) this.#replace(this.#latest, entry);
  }

  /** An entry has been removed. */
  removed(entry: LogEntry): void {
    const latest = this.#latest;
    if (latest) this.#kept.chargeFor(latest, () => latest.forget(entry));
  }

  /** A topic was created, or its options were set. Resolves when its entries are kept as these say; undefined if they are. */
  changed(topic: string): Promise<void> | undefined {
    // Without the newest of each key every topic keeps all.
    const isChanged = !this.#isOfLog && (this.#latest !== undefined || this.#kept.keepsLatest(topic));
    return isChanged ? this.#changes.run(topic) : undefined;
  }

  /** Removes the entries that another one replaces. */
  #replace(latest: LatestKeys, entry: LogEntry): void {
    const kept = this.#kept;
    const topics = this.#isOfLog ? entry.topics : kept.latestTopicsOf(entry);
    if (topics.length === 0) return;
    kept.chargeFor(latest, () => {
      for (const replaced of latest.replace(entry, topics)) {
        // One of a topic that keeps all stays.
        const isGone = isReplaceable(replaced) && kept.latestTopicsOf(replaced).length === replaced.topics.length;
        if (this.#isOfLog || isGone) kept.remove(replaced);
      }
    });
  }
}
