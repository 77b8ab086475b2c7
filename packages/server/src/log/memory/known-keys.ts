import { ServerError } from '../../errors.ts';
import type { LogEntry } from '../entry.ts';
import type { Epochs } from '../epochs.ts';
import type { AppendReceipt } from '../event-log.ts';
import { KEY_LIFETIME_MS, type CheckedBounds } from '../keeping/bounds.ts';
import { copyOf } from '../keeping/frame.ts';
import { repeatOf, type KeyedAppend } from '../keeping/keyed-append.ts';
import type { LogTime } from '../keeping/log-time.ts';
import type { PreparedBatch } from '../keeping/prepared.ts';
import { costOfKey } from './cost.ts';

// A number in a list.
const SEQ_BYTES = 8;

/** A key as it is remembered, with the log's own time at which it was used. */
export type KnownKey = KeyedAppend & { readonly time: number };

/** The keys of appends that may be repeated, in the order of their age. */
export class KnownKeys {
  readonly #bounds: CheckedBounds;
  readonly #keys = new Map<string, KeyedAppend & { readonly time: number; readonly bytes: number }>();
  #bytes = 0;

  constructor(bounds: CheckedBounds) {
    this.#bounds = bounds;
  }

  /** All of them, in the order of their age, to be loaded by another log. */
  get records(): Iterable<readonly [key: string, known: KnownKey]> {
    return this.#keys;
  }

  /** What they cost in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The receipt of the first append if its key is known. Throws if that was another append. */
  repeated(batch: PreparedBatch, time: LogTime, epochs: Epochs): AppendReceipt | undefined {
    const known = batch.key === undefined ? undefined : this.#keys.get(batch.key);
    if (!known || time.now() - known.time > KEY_LIFETIME_MS) return undefined;
    const repeated = repeatOf(known, batch, epochs);
    if (repeated instanceof ServerError) throw repeated;
    return repeated;
  }

  /** Remembers a key, and forgets those that are too old or too many. */
  add(key: string, { seq, seqs, id, digest }: KeyedAppend, now: number): void {
    this.#forget(key);
    const bytes = costOfKey(key, id + (digest ?? '')) + SEQ_BYTES * (seqs?.length ?? 0);
    const known = { seq, seqs, id, time: now, bytes };
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

/** The sequence numbers of a batch, if there are holes between them. */
export function withHoles(batch: readonly LogEntry[]): readonly number[] | undefined {
  const [first, last] = [batch[0]?.seq ?? 0, batch.at(-1)?.seq ?? 0];
  return last - first === batch.length - 1 ? undefined : batch.map(({ seq }) => seq);
}
