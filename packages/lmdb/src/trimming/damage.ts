import type { TrimLedger } from '@tidings/server/log';
import type { RangeOptions } from 'lmdb';
import { LmdbError } from '../errors.ts';
import { damagedEntry, type KeptEntry } from '../records/record.ts';
import { Removal, type RemovalParts, type TrimStep } from './removal.ts';
import type { HeadRecord, LmdbStore } from '../tables/store.ts';

// How many keys of an index are examined at once. It bounds how long others wait, to milliseconds.
const MAX_SCANNED = 4096;

export interface DamageHooks {
  /** Called for each record that was changed on disk. */
  readonly onDamage: (error: LmdbError) => void;
  /** Called if records could not be removed. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * Removes the records that were changed on disk, as retention removes events that it no longer keeps. So the listeners that selected them are told of a
 * gap, and no others.
 */
export class DamageControl {
  readonly #parts: RemovalParts;
  readonly #store: LmdbStore;
  readonly #ledger: TrimLedger;
  readonly #hooks: DamageHooks;

  constructor(parts: RemovalParts, hooks: DamageHooks) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#ledger = parts.ledger;
    this.#hooks = hooks;
  }

  /**
   * Removes the records that were found so far.
   * @param commit carries out a step of trimming
   */
  async takeOut(head: HeadRecord, commit: (step: TrimStep) => Promise<void>): Promise<void> {
    const found = new Map(this.#store.damaged);
    if (found.size === 0) return;
    const removed = await this.#entriesOf(found);
    for (const [seq, entry] of removed) this.#tell(seq, entry);
    try {
      const removal = new Removal(this.#parts, head);
      for (const entry of removed.values()) removal.add(entry);
      await commit(removal.step());
    } catch (error) {
      this.#hooks.onFailure(error);
      // They stay where they are, and the next process finds them again.
      for (const seq of removed.keys()) this.#store.leftIn.add(seq);
      this.#ledger.apply(this.#ledger.plan([...removed.values()]));
    }
    for (const seq of removed.keys()) this.#store.damaged.delete(seq);
  }

  /** Finds their topics, types and ids in the indexes. */
  async #entriesOf(found: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, KeptEntry>> {
    const topics = await keysOf(this.#store.byTopic, found);
    const types = await keysOf(this.#store.byType, found);
    const ids = await keysOf(this.#store.byId, found);
    const entries = new Map<number, KeptEntry>();
    for (const [seq, bytes] of found) {
      const [ownId] = (ids.get(seq) ?? []).map(([id]) => id);
      const [typeDigest] = (types.get(seq) ?? []).map(([, digest]) => digest);
      const names = (topics.get(seq) ?? []).map(([topic]) => topic);
      entries.set(seq, damagedEntry(seq, names, { ownId, typeDigest }, bytes, this.#store.epochs));
    }
    return entries;
  }

  #tell(seq: number, { topics }: KeptEntry): void {
    const of = topics.length === 1 ? `the topic ${topics[0]}` : `the topics ${topics.join(', ')}`;
    const message = `The event ${seq} of ${of} was changed on disk in the data folder ${this.#store.path}. It is removed, and its listeners are told of a gap`;
    this.#hooks.onDamage(new LmdbError('ERR_DATA_DAMAGED', message));
  }
}

interface Index<Key> {
  getKeys(range: RangeOptions): Iterable<Key>;
}

/** The keys under which an index has some sequence numbers. Each key ends with one. */
async function keysOf<Key extends [string, ...number[]]>(
  index: Index<Key>,
  seqs: { has(seq: number): boolean },
): Promise<Map<number, Key[]>> {
  const found = new Map<number, Key[]>();
  for (let last: Key | undefined; ;) {
    const keys = [...index.getKeys({ ...(last ? { start: last, exclusiveStart: true } : {}), limit: MAX_SCANNED })];
    for (const key of keys) {
      const seq = Number(key.at(-1));
      if (seqs.has(seq)) found.set(seq, [...(found.get(seq) ?? []), key]);
    }
    last = keys.at(-1);
    if (keys.length < MAX_SCANNED) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
