import { ServerError } from '../../errors.ts';
import type { AppendReceipt } from '../event-log.ts';
import { KEY_LIFETIME_MS, type CheckedBounds } from '../keeping/bounds.ts';
import { copyOf } from '../keeping/frame.ts';
import { repeatOf, type KeyedAppend } from '../keeping/keyed-append.ts';
import type { LogTime } from '../keeping/log-time.ts';
import type { PreparedBatch } from '../keeping/prepared.ts';
import { costOfKey } from './cost.ts';

/** The keys of appends that may be repeated, in the order of their age. */
export class KnownKeys {
  readonly #bounds: CheckedBounds;
  readonly #keys = new Map<string, KeyedAppend & { readonly time: number; readonly bytes: number }>();
  #bytes = 0;

  constructor(bounds: CheckedBounds) {
    this.#bounds = bounds;
  }

  /** What they cost in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The receipt of the first append if its key is known. Throws if that was another append. */
  repeated(batch: PreparedBatch, time: LogTime): AppendReceipt | undefined {
    const known = batch.key === undefined ? undefined : this.#keys.get(batch.key);
    if (!known || time.now() - known.time > KEY_LIFETIME_MS) return undefined;
    const repeated = repeatOf(known, batch);
    if (repeated instanceof ServerError) throw repeated;
    return repeated;
  }

  /** Remembers a key, and forgets those that are too old or too many. */
  add(key: string, { seq, id, digest }: KeyedAppend, now: number): void {
    this.#forget(key);
    const bytes = costOfKey(key, id + (digest ?? ''));
    const known = { seq, id, time: now, bytes };
    this.#keys.set(copyOf(key), digest === undefined ? known : { ...known, digest: copyOf(digest) });
    this.#bytes += bytes;
    this.expire(now);
  }

  /** Forgets those that are too old or too many. */
  expire(now: number): void {
    const { maxKeys, maxKeyBytes } = this.#bounds;
    for (const [oldest, { time }] of this.#keys) {
      if (this.#keys.size <= maxKeys && this.#bytes <= maxKeyBytes && now - time <= KEY_LIFETIME_MS) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#keys.get(key)?.bytes ?? 0;
    this.#keys.delete(key);
  }
}
