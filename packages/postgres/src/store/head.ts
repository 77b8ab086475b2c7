import type { Trimmed } from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import type { Ask, Identity } from './connection.ts';

/** What the head says beside its numbers. */
export interface HeadState {
  /** The newest public event; where the epoch began if there has been none. */
  readonly publicSeq: number;
  /** What is kept, and what all of it costs, in bytes. */
  readonly events: number;
  readonly bytes: number;
  /** How many topics something is remembered of, and how much. */
  readonly states: number;
  readonly created: number;
  readonly leases: number;
  readonly stateBytes: number;
  readonly keys: number;
  readonly keyBytes: number;
  readonly floor: Trimmed;
  /** How often a stored value was changed. */
  readonly values: number;
  /** The log's own time at the last change, and what the system's clock said then. */
  readonly time: number;
  readonly clock: number;
  /** When a lease ends or a topic is to be forgotten next, by the log's own time. */
  readonly due: number | null;
  readonly identity: Identity;
}

/** The one row that every change of the log locks. */
export interface Head {
  readonly seq: number;
  readonly epoch: string;
  /** How many removals there have been. */
  readonly trims: number;
  readonly state: HeadState;
}

export function newHead(epoch: string, time: number, identity: Identity): Head {
  const kept = { publicSeq: 0, events: 0, bytes: 0, states: 0, created: 0, leases: 0, stateBytes: 0 };
  const state = { ...kept, keys: 0, keyBytes: 0, floor: { all: 0, public: 0 }, values: 0, time, clock: time };
  return { seq: 0, epoch, trims: 0, state: { ...state, due: null, identity } };
}

/** The columns of the head, for a statement that has more. */
export const HEAD_COLUMNS = 'h.seq as h_seq, h.epoch as h_epoch, h.trims as h_trims, h.state as h_state';

export interface HeadColumns {
  readonly h_seq: number;
  readonly h_epoch: string;
  readonly h_trims: number;
  readonly h_state: string;
}

export function headOf({ h_seq: seq, h_epoch: epoch, h_trims: trims, h_state: state }: HeadColumns): Head {
  return { seq, epoch, trims, state: JSON.parse(state) as HeadState };
}

/** Reads the head. @param isLocked whether it is to stay as it is until the transaction ends */
export async function readHead(ask: Ask, isLocked: boolean = false): Promise<Head> {
  const [row] = await ask<HeadColumns>(`select ${HEAD_COLUMNS} from @head h${isLocked ? ' for update' : ''}`);
  if (!row) throw noHead();
  return headOf(row);
}

/** The head was removed, with which nothing can be done. */
export function noHead(): PostgresError {
  return new PostgresError('ERR_STORE_UNFIT', 'The table head of the log has no row: it was removed');
}
