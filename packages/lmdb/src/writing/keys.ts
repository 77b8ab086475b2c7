import { KEY_LIFETIME_MS, type CheckedBounds, type KeyedAppend } from '@tidings/server/log';
import { costOfKey } from '../records/cost.ts';
import type { HeadRecord, KeyRecord, LmdbStore, Track } from '../tables/store.ts';

// Keys that one transaction forgets because they are too old.
const MAX_EXPIRED = 1000;

const NOTHING = Buffer.alloc(0);

type Counts = Pick<HeadRecord, 'bytes' | 'keys' | 'keyBytes'>;

/** A change of the keys, as part of a commit. */
export interface KeyChange {
  readonly counts: Counts;
  /** How many rows it changes or removes. */
  readonly rows: number;
  write(track: Track): void;
}

/** The keys of appends that may be repeated: a bounded number of them. */
export class LmdbKeys {
  readonly #store: LmdbStore;
  readonly #bounds: CheckedBounds;

  constructor(store: LmdbStore, bounds: CheckedBounds) {
    this.#store = store;
    this.#bounds = bounds;
  }

  get(key: string, now: number): KeyedAppend | undefined {
    const known = this.#store.keys.get(key);
    return known && now - known.time <= KEY_LIFETIME_MS ? known : undefined;
  }

  /** Remembers keys, and forgets the oldest if there are too many. */
  add(added: ReadonlyMap<string, KeyedAppend>, now: number, head: Counts): KeyChange {
    const records = [...added].map(([key, append]): [string, KeyRecord] => [key, { ...append, time: now }]);
    const gone = new Map<string, KeyRecord>();
    const rest = { ...head };
    const count = (key: string, record: KeyRecord, sign: 1 | -1): void => {
      const bytes = sign * costOf(key, record);
      rest.bytes += bytes;
      rest.keyBytes += bytes;
      rest.keys += sign;
    };
    for (const [key, record] of records) {
      // The earlier record of the key, which is too old to count.
      const before = this.#store.keys.get(key);
      if (before) count(key, before, -1);
      if (before) gone.set(key, before);
      count(key, record, 1);
    }
    if (this.#isTooMuch(rest)) {
      for (const [key, record] of this.#oldest()) {
        if (!gone.has(key)) count(key, record, -1);
        gone.set(key, record);
        if (!this.#isTooMuch(rest)) break;
      }
    }
    let kept = 0;
    for (; this.#isTooMuch(rest) && kept < records.length; kept += 1) {
      const [key, record] = records[kept] ?? [];
      if (key !== undefined && record) count(key, record, -1);
    }
    return {
      counts: rest,
      rows: 2 * (gone.size + records.length),
      write: (track) => {
        this.#remove(gone, track);
        for (const [key, record] of records.slice(kept)) {
          track(this.#store.keys.put(key, record));
          track(this.#store.keysByTime.put([now, key], NOTHING));
        }
      },
    };
  }

  /** Forgets a small number of keys that are too old; undefined if there are none. */
  expire(now: number, head: Counts): KeyChange | undefined {
    const gone = new Map<string, KeyRecord>();
    const rest = { ...head };
    const most = this.#store.room.most(MAX_EXPIRED);
    for (const [key, record] of this.#oldest(now - KEY_LIFETIME_MS)) {
      const bytes = costOf(key, record);
      gone.set(key, record);
      rest.bytes -= bytes;
      rest.keyBytes -= bytes;
      rest.keys -= 1;
      if (gone.size === most) break;
    }
    if (gone.size === 0) return undefined;
    return { counts: rest, rows: 2 * gone.size, write: (track) => this.#remove(gone, track) };
  }

  #isTooMuch({ keys, keyBytes }: Counts): boolean {
    return keys > 0 && (keys > this.#bounds.maxKeys || keyBytes > this.#bounds.maxKeyBytes);
  }

  /** The keys of before a time, the oldest first. */
  *#oldest(before: number = Number.MAX_VALUE): Iterable<[string, KeyRecord]> {
    for (const [time, key] of this.#store.keysByTime.getKeys({ start: [0, ''], end: [before, ''] })) {
      const record = this.#store.keys.get(key);
      if (record?.time === time) yield [key, record];
    }
  }

  #remove(gone: ReadonlyMap<string, KeyRecord>, track: Track): void {
    for (const [key, { time }] of gone) {
      track(this.#store.keys.remove(key));
      track(this.#store.keysByTime.remove([time, key]));
    }
  }
}

function costOf(key: string, { id, digest = '' }: KeyedAppend): number {
  return costOfKey(key, id + digest);
}
