import type { EarlierEpoch, Epochs, Trimmed } from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import type { Ask, Cluster } from './connection.ts';

/** Where the log is: while all of it is the same, nothing has been put in the place of the log. */
export interface Here {
  /** Since when the server runs, in microseconds. What was on its disks before may have been an older state of them. */
  readonly started: string;
  /** The database and the table, by the numbers that the cluster gives to what is made in it. */
  readonly tables: string;
}

/** Where the log was at its last change. A version before knew only the cluster. */
export type Identity = Cluster & Partial<Here>;

/** What a node has seen of the log. */
export interface Seen {
  /** The highest sequence number, of which epoch. */
  epoch: string;
  seq: number;
  /** Since when the server ran with which it saw the log last. */
  started: string;
}

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
  /** How far epochs are known to have gone whose last events are lost. @default none */
  readonly went?: readonly EarlierEpoch[] | undefined;
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

/** The columns that say where the log is now, for a statement that has more. */
export const HERE_COLUMNS = `(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as started,
  concat_ws('.', (select oid from pg_database where datname = current_database()), '@head'::regclass::oid) as tables`;

/** Whether the log is where it was at its last change, on a server that has run since then. */
export function isThere({ started, tables }: Here, identity: Identity): boolean {
  return identity.started === started && identity.tables === tables;
}

/** How many events the log has lost that a node knows of. */
export function lostOf({ seq, state }: Pick<Head, 'seq' | 'state'>, epochs: Epochs, seen: Seen): number {
  return epochs.lostBehind(seen, seq, state.went ?? []);
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

/** Reads the head, and where the log is now. */
export async function readHead(ask: Ask): Promise<Head & { readonly here: Here }> {
  const [row] = await ask<HeadColumns & Here>(`select ${HEAD_COLUMNS}, ${HERE_COLUMNS} from @head h`);
  if (!row) throw noHead();
  const { started, tables } = row;
  return { ...headOf(row), here: { started, tables } };
}

/** The head was removed, with which nothing can be done. */
export function noHead(): PostgresError {
  return new PostgresError('ERR_STORE_UNFIT', 'The table head of the log has no row: it was removed');
}
