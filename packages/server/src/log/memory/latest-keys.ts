import type { LogEntry, NewEvent } from '../entry.ts';
import { costOfKey } from './cost.ts';
import { copyOf } from '../keeping/frame.ts';

/** Which entry is the newest of its key, for a log that keeps no older ones. */
export class LatestKeys {
  readonly #entries = new Map<string, LogEntry>();
  readonly #keys = new Map<LogEntry, string>();
  #bytes = 0;

  /** What they cost in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Stores the newest entry of a key, and returns the one that it replaces. */
  replace(event: NewEvent | undefined, entry: LogEntry): LogEntry | undefined {
    const key = keyOf(event);
    const replaced = this.#entries.get(key);
    if (replaced) this.#keys.delete(replaced);
    else this.#bytes += costOfKey(key);
    this.#entries.set(key, entry);
    this.#keys.set(entry, key);
    return replaced;
  }

  /** Forgets an entry that is no longer kept. */
  forget(entry: LogEntry): void {
    const key = this.#keys.get(entry);
    if (key === undefined) return;
    this.#keys.delete(entry);
    this.#entries.delete(key);
    this.#bytes -= costOfKey(key);
  }
}

function keyOf(event: NewEvent | undefined): string {
  // A type is not the key of the same name.
  return copyOf(event?.latestKey === undefined ? `type ${event?.fields.event || 'message'}` : `key ${event.latestKey}`);
}
