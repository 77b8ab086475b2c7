import { LogTime, type Clock, type LogTimeRecord, type Trimmed, type TrimLedger } from '@tidings/server/log';
import type { Database } from 'lmdb';
import { rowsOf } from '../records/cost.ts';
import type { LmdbStore, Track } from './store.ts';

// Rows that are changed in one transaction.
const MAX_ROWS = 10_000;

/** Repairs a folder after its process was killed while it stored a large batch: the events after the head do not count, and are removed. */
export async function recover(store: LmdbStore): Promise<void> {
  const { seq: head } = store.head;
  let isDamaged = false;
  for (;;) {
    const seqs = [...store.events.getKeys({ start: head + 1, limit: store.room.most(MAX_ROWS) })];
    if (seqs.length === 0) break;
    const entries = seqs.flatMap((seq) => store.lend(seq) ?? []);
    const damaged = seqs.filter((seq) => store.damaged.delete(seq));
    isDamaged ||= damaged.length > 0;
    const rows = entries.reduce((sum, entry) => sum + rowsOf(entry), damaged.length);
    const write = (track: Track): void => {
      for (const entry of entries) store.takeBack(entry, track);
      for (const seq of damaged) {
        for (const table of [store.events, store.pending, store.forgetting]) track(table.remove(seq));
      }
    };
    await store.commit(write, { rows });
  }
  // Only the indexes have the topics and ids of damaged events.
  if (isDamaged) {
    await removeBehind(store, store.byTopic, head);
    await removeBehind(store, store.byType, head);
    await removeBehind(store, store.byId, head);
  }
  if (store.meta.get('staged') !== undefined) await store.commit((track) => track(store.meta.remove('staged')));
}

/** Removes the rows of an index behind a sequence number. Each key ends with one. */
async function removeBehind<Key extends (string | number)[]>(
  store: LmdbStore,
  index: Database<Buffer, Key>,
  head: number,
): Promise<void> {
  const rows: Key[] = [];
  for (const row of index.getKeys()) if (Number(row.at(-1)) > head) rows.push(row);
  while (rows.length > 0) {
    const some = rows.splice(0, store.room.most(MAX_ROWS));
    const write = (track: Track): void => {
      for (const row of some) track(index.remove(row));
    };
    await store.commit(write, { rows: some.length });
  }
}

/** Opens the time of a log. */
export function openTime(store: LmdbStore, clock: Clock): LogTime {
  const known = store.meta.get('time') as LogTimeRecord | undefined;
  return known ? new LogTime(clock, known, store.lend(store.head.seq)) : new LogTime(clock);
}

/** Restores how much of each topic was trimmed, what was trimmed longest ago first. */
export function restoreLedger(store: LmdbStore, ledger: TrimLedger): void {
  const floor = store.meta.get('floor') as Trimmed | undefined;
  if (floor) ledger.restoreFloor(floor);
  const trimmed = [...store.trimmed.getRange()].toSorted((one, other) => one.value.all - other.value.all);
  for (const { key, value } of trimmed) ledger.restore(key, value);
}
