import {
  TopicDraft,
  type CheckedBounds,
  type Clock,
  type Epochs,
  type KeyedAppend,
  type LogEntry,
  type LogRetention,
  type LogTime,
  type PreparedEvent,
  type RemovedEntry,
  type TopicBounds,
  type TopicFacts,
  type TopicRecord,
  type TrimPlan,
  wentTo,
} from '@tidings/server/log';
import { costOfState, summaryOf, type Summary, type TopicRow } from '../records.ts';
import { type Ask, BEGIN, readCluster } from '../store/connection.ts';
import type { EpochsCopy } from '../store/epochs-copy.ts';
import {
  HEAD_COLUMNS,
  headOf,
  type HeadColumns,
  type HeadState,
  type Here,
  HERE_COLUMNS,
  isThere,
  lostOf,
  noHead,
  type Seen,
} from '../store/head.ts';
import type { LedgerCopy } from '../store/ledger-copy.ts';

/** What all that writes has in common. */
export interface LogParts {
  readonly schema: string;
  /** Tells the notifications of this node from those of others. */
  readonly node: string;
  readonly clock: Clock;
  readonly time: LogTime;
  readonly bounds: CheckedBounds;
  readonly retention: LogRetention;
  readonly topicBounds: TopicBounds;
  readonly ledger: LedgerCopy;
  readonly epochs: EpochsCopy;
  readonly statementMs: number;
  readonly seen: Seen;
}

/** What a log remembers of an append that had a key, and since when, by the log's own time. */
export interface KnownKey extends KeyedAppend {
  readonly at: number;
  readonly cost: number;
}

/** An event of a transaction that is still to be written. */
export interface Pending {
  readonly entry: LogEntry;
  readonly event: PreparedEvent;
  readonly cost: number;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/**
 * A condition that holds for one transaction at a time. All nodes are told when something is put into the outbox, and without it each of them would lock the head,
 * one after the other, mostly to find nothing. Whoever moves is told of what comes meanwhile, and looks again.
 */
function mayMove(schema: string): string {
  return `where pg_try_advisory_xact_lock(hashtextextended('tidings outbox ${schema}', 0))`;
}

// What is acknowledged is on the disk of the server, though others of this role may not ask for that.
const DURABLE = `select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'`;

/** Waits until what was committed before is where the server is to have it, on its standbys, too: the commit that waited for them was broken off. */
export async function untilSafe(ask: Ask): Promise<void> {
  // A lock is written like a change, and its commit waits for all that is before it.
  await ask(`${BEGIN}; ${DURABLE}; select from @head for update; commit`);
}

/**
 * A transaction that has the head locked, with what was read of the tables in it. Changes are made here first, and are written when it is finished: so a
 * refused batch leaves no trace.
 */
export class Transaction {
  readonly ask: Ask;
  readonly parts: LogParts;
  /** By which it is known later whether it was committed. */
  readonly xact: string;
  readonly state: Mutable<HeadState>;
  /** The log's own time. */
  readonly now: number;
  /** The number of the newest event before it. */
  readonly before: number;
  seq: number;
  epoch: string;
  trims: number;
  epochs: Epochs;
  readonly draft: TopicDraft;
  readonly pending: Pending[] = [];
  /** What followers are handed when it has been committed. */
  readonly entries: LogEntry[] = [];
  readonly deletions: LogEntry[] = [];
  readonly removed: RemovedEntry[] = [];
  readonly keys: Map<string, KnownKey | undefined> = new Map();
  readonly newKeys: Map<string, { readonly key: Buffer; readonly known: KnownKey }> = new Map();
  readonly summaries: Map<string, Summary | undefined> = new Map();
  readonly changedTopics: Set<string> = new Set();
  /** The topics that have got events, or may have too many for another reason. */
  readonly grown: Set<string> = new Set();
  /** The topics of which more is to be removed than one transaction removes. */
  readonly full: Set<string> = new Set();
  /** How many events were removed because their topics had too many. */
  trimmed = 0;
  readonly records: Map<string, TopicRecord> = new Map();
  /** Whether more is to be removed than one transaction removes. */
  hasMore = false;
  isChanged = false;
  plan: { readonly at: number; readonly plan: TrimPlan } | undefined;

  private constructor(ask: Ask, parts: LogParts, head: HeadColumns & { readonly xact: string }, epochs: Epochs) {
    this.ask = ask;
    this.parts = parts;
    this.xact = head.xact;
    const { seq, epoch, trims, state } = headOf(head);
    this.before = seq;
    this.seq = seq;
    this.epoch = epoch;
    this.trims = trims;
    this.state = { ...state };
    this.epochs = epochs;
    this.now = Math.max(parts.time.now(), state.time);
    const counts = { size: state.states, created: state.created, leases: state.leases, bytes: state.stateBytes };
    this.draft = new TopicDraft({ ...counts, get: (topic) => this.records.get(topic) }, costOfState);
  }

  /**
   * Locks the head. A copy or an older state of the log goes on in a new epoch. Resolves to undefined if the outbox is to be moved and another node does that: then
   * the head is not waited for.
   * @param isMove whether the outbox is to be moved
   */
  static async begin(ask: Ask, parts: LogParts, isMove: boolean): Promise<Transaction | undefined> {
    const { statementMs, seen, schema } = parts;
    // A node that stands still while it has the head locked holds up all others for so long.
    const idleMs = Math.ceil(statementMs / 2);
    // Compiling a statement takes longer than these take.
    const settings = `set local statement_timeout = ${statementMs}; set local idle_in_transaction_session_timeout = ${idleMs}; set local jit = off`;
    const [head] = await ask<HeadColumns & Here & { xact: string }>(
      `${BEGIN}; ${settings}; ${DURABLE}; select ${HEAD_COLUMNS}, ${HERE_COLUMNS}, pg_current_xact_id()::text as xact
        from @head h ${isMove ? mayMove(schema) : ''} for update of h`,
    );
    if (!head && isMove) return undefined;
    if (!head) throw noHead();
    const tx = new Transaction(ask, parts, head, await parts.epochs.of(ask, head.h_epoch));
    const lost = lostOf(tx, tx.epochs, seen);
    if (lost > 0 || !isThere(head, tx.state.identity)) await tx.#arrive(head, lost);
    await parts.ledger.sync(ask, tx);
    return tx;
  }

  /** What everything costs. */
  get bytes(): number {
    return this.state.bytes + this.draft.addedBytes;
  }

  /** Reads what is remembered of topics, unless it was read before. */
  async load(topics: Iterable<string>): Promise<void> {
    const wanted = [...new Set(topics)].filter((topic) => !this.summaries.has(topic));
    if (wanted.length === 0) return;
    const rows = await this.ask<TopicRow & { name: string; record: string | null }>(
      `select n.name, s.record, t.* from json_array_elements_text($1::json) as n(name)
        left join @states s on s.topic = n.name left join @topics t on t.topic = n.name`,
      [JSON.stringify(wanted)],
    );
    for (const row of rows) {
      this.summaries.set(row.name, row.topic === null ? undefined : summaryOf(row));
      if (row.record !== null) this.records.set(row.name, JSON.parse(row.record) as TopicRecord);
    }
  }

  /** Reads which of some keys are known. They are digests of 32 bytes. */
  async loadKeys(keys: readonly Buffer[]): Promise<void> {
    if (keys.length === 0) return;
    const rows = await this.ask<{ key: Buffer; at: number; cost: number; record: string }>(
      'select key, at, cost, record from @keys where key = any($1::bytea[])',
      [keys],
    );
    for (const { key, at, cost, record } of rows) {
      this.keys.set(key.toString('hex'), { ...(JSON.parse(record) as KeyedAppend), at, cost });
    }
  }

  readonly factsOf = (topic: string): TopicFacts => {
    const summary = this.summaries.get(topic);
    if (!summary) return { events: 0, lastSeq: 0, publicSeq: 0 };
    const { events, lastSeq, hidden } = summary;
    return { events, lastSeq, publicSeq: hidden ? hidden.publicSeq : lastSeq };
  };

  /** Whether a topic keeps the latest of each key, as of this transaction. The topic has been loaded. */
  keepsLatest(topic: string): boolean {
    const keep = this.draft.get(topic)?.options?.keep ?? this.parts.topicBounds.of(topic)?.keep;
    return keep === 'latest';
  }

  setSummary(topic: string, summary: Summary | undefined): void {
    this.summaries.set(topic, summary);
    this.changedTopics.add(topic);
    this.isChanged = true;
  }

  /**
   * The log is not where it was, or it is known to be an older one. A server that was only started again has all that it had, if this node knows the log from before and has seen no more than
   * there is. Else it may be a copy, or an older state of the same disks, and a new epoch begins.
   */
  async #arrive({ started, tables }: Here, lost: number): Promise<void> {
    const { seen } = this.parts;
    const before = this.state.identity;
    const { system, timeline } = await readCluster(this.ask);
    const isSame = before.system === system && before.timeline === timeline && before.tables === tables;
    this.state.identity = { system, timeline, started, tables };
    this.isChanged = true;
    const isOther = !isSame || seen.epoch !== this.epoch || seen.started !== before.started;
    if (lost > 0 || isOther) await this.#beginEpoch(lost);
  }

  async #beginEpoch(lost: number): Promise<void> {
    const { epochs, clock, seen } = this.parts;
    if (lost > 0) {
      // The numbers of lost events are left free, and count as trimmed.
      this.seq += lost;
      this.state.floor = { ...this.state.floor, all: this.seq, public: this.seq };
      this.state.went = wentTo(this.state.went ?? [], seen);
      // What is trimmed is read from there next.
      await this.ask('update @head set seq = $1, state = $2', [this.seq, JSON.stringify(this.state)]);
    }
    this.epoch = await epochs.begin(this.ask, this.epoch, this.seq, clock.time());
    this.epochs = await epochs.of(this.ask, this.epoch);
    // Everything up to here may be asked for by who had it in another history.
    this.state.publicSeq = this.seq;
  }
}
