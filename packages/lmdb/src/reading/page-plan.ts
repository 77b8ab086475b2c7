import { Selector, type PagePlan, type ReadRequest, type TrimLedger, type Turn } from '@tidings/server/log';
import type { LmdbStates } from '../tables/states.ts';
import type { LmdbStore } from '../tables/store.ts';
import type { EventRows } from './event-rows.ts';

/** What a page is planned with. */
interface PlanParts {
  readonly store: LmdbStore;
  readonly ledger: TrimLedger;
  readonly rows: EventRows;
  readonly states: LmdbStates;
  /** How many events are kept. */
  readonly events: number;
}

/** What a page says beside its entries: only of selections that another process can test without this one, and while the tables are as they read. */
export function planOf(
  { selection, after }: ReadRequest,
  turn: Turn,
  { store, ledger, rows, states, events }: PlanParts,
): PagePlan | undefined {
  const { topics, private: seen, types } = Selector.of(selection);
  const { replaced, damaged, leftIn, deletion, removals, epochs } = store;
  const isPlain = types === undefined && (topics.isAll || topics.only !== undefined) && (seen.isAll || seen.isExact);
  const isClean = replaced.size + damaged.size + leftIn.size === 0 && !deletion;
  const trimmed = isPlain && isClean ? ledger.trimmed(selection, after, turn) : undefined;
  if (!trimmed) return undefined;
  const { through: trimmedThrough, trims, deleted: deletedThrough } = trimmed;
  const { only } = topics;
  const topic = only !== undefined && rows.isFew(only, events) ? only : undefined;
  const removed = { trimmedThrough, trims, deletedThrough, ...states.finalOf(selection) };
  return { epoch: epochs.current, removals, ...(topic === undefined ? {} : { topic }), ...removed };
}
