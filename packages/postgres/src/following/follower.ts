import {
  deletionOf,
  Followers,
  type Clock,
  type FollowStart,
  type LogEntry,
  type LogFollower,
  type LogFollowing,
} from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import { entryOf, EVENT_COLUMNS, type EventRow } from '../records.ts';
import { atMost, Connection, type Ask, type StorePlace } from '../store/connection.ts';
import type { EpochsCopy } from '../store/epochs-copy.ts';
import {
  HEAD_COLUMNS,
  headOf,
  isThere,
  lostOf,
  readHead,
  type Head,
  type HeadColumns,
  noHead,
  type Seen,
} from '../store/head.ts';
import { lostBy } from '../store/failure.ts';
import { MAX_DELETIONS, removedBehind, type LedgerCopy } from '../store/ledger-copy.ts';

// What is read at once.
const MAX_EVENTS = 1000;
const MAX_BYTES = 4 * 1024 * 1024;

// What the function sends that publishes in a transaction of somebody else.
const OUTBOX = 'outbox';

// How long it waits before it tries again to reach the database, in milliseconds: at first, and at most.
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

export interface FollowerParts {
  readonly clock: Clock;
  readonly ledger: LedgerCopy;
  readonly epochs: EpochsCopy;
  readonly pollMs: number;
  /** Tells the notifications of this node from those of others. */
  readonly node: string;
}

/** What a follower tells its log. */
export interface FollowerHooks {
  /** The head has been read: others may have changed what is due and what is stored beside the events. */
  onHead(head: Head, ask: Ask): Promise<void>;
  /** Something has come into the outbox. */
  onOutbox(): void;
  /** Whether something is in the outbox, as of now. */
  onOutboxFound(isSo: boolean): void;
  /** The log may be that of a copy or an older one: a new epoch may have to begin. */
  onMoved(): Promise<void>;
  /** Whether the database can be reached. */
  onReached(failure: PostgresError | undefined): void;
}

/** Where following has got to. */
interface Position extends FollowStart {
  /** The removals that there had been. */
  readonly trims: number;
}

/**
 * Follows the log once for all who listen in this process. Notifications wake it, and so does a clock, so that one that is lost is no more than late. What is
 * handed over was read behind the last position, in one statement.
 */
export class Follower {
  readonly #parts: FollowerParts;
  readonly #hooks: FollowerHooks;
  readonly #followers = new Followers();
  readonly #connection: Connection;
  /** Undefined while nothing can be handed over. */
  #position: Position | undefined;
  /** How far this node has ever got, of which epoch. */
  readonly #seen: Seen;
  #isAsked = false;
  #wake: (() => void) | undefined;
  readonly #waiting = new Set<() => void>();
  #isClosed = false;
  #running: Promise<void> | undefined;

  constructor(place: StorePlace, parts: FollowerParts, seen: Seen, hooks: FollowerHooks) {
    this.#parts = parts;
    this.#seen = seen;
    this.#hooks = hooks;
    this.#connection = new Connection(place, {
      onLost: () => this.wake(),
      // What this node has committed it has handed over by itself.
      onNotice: (from) => {
        if (from === OUTBOX) hooks.onOutbox();
        else if (from !== parts.node) this.wake();
      },
    });
  }

  add(follower: LogFollower): LogFollowing {
    return this.#followers.add(follower, this.#position);
  }

  /** Begins. Resolves when it knows where the log is. */
  async start(): Promise<void> {
    await this.#begin();
    this.#running = this.#run();
  }

  /** Looks for what has been appended. */
  wake(): void {
    this.#isAsked = true;
    this.#wake?.();
  }

  /** Hands over what this process has committed, if that comes next. Else it is read. Resolves when it was handed over, or cannot be. */
  async handOver(
    before: number,
    entries: readonly LogEntry[],
    head: Pick<Head, 'seq' | 'epoch' | 'trims'> & { readonly publicSeq: number },
  ): Promise<void> {
    if (this.#position?.epoch === head.epoch && this.#position.seq === before) {
      this.#moveTo({ ...head }, entries);
      return;
    }
    this.wake();
    while (!this.#isClosed && this.#position?.epoch === head.epoch && this.#position.seq < head.seq) {
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#followers.clear();
    this.wake();
    await this.#connection.close();
    await this.#running;
    this.#release();
  }

  /** Goes on for as long as the log is open: it begins anew whenever the connection was lost. */
  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosed;) {
      try {
        if (!this.#position) await this.#begin();
        failures = 0;
        await this.#catchUp();
        await this.#pause(this.#parts.pollMs);
        if (!this.#connection.isOpen)
          throw new PostgresError('ERR_STORE_AWAY', 'The connection to the database was lost');
      } catch (error) {
        if (this.#isClosed) return;
        this.#lose(error);
        if (failures > 0) {
          this.#hooks.onReached(lostBy(error));
          this.#isAsked = false;
          await this.#pause(Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS));
        }
        failures += 1;
      }
    }
  }

  async #begin(): Promise<void> {
    const ask = await this.#connection.open();
    const seen = { ...this.#seen };
    let head = await readHead(ask);
    const lost = lostOf(head, await this.#parts.epochs.of(ask, head.epoch), seen);
    if (!isThere(head.here, head.state.identity) || lost > 0) {
      await this.#hooks.onMoved();
      head = await readHead(ask);
    }
    await this.#parts.epochs.of(ask, head.epoch);
    await this.#hooks.onHead(head, ask);
    this.#hooks.onReached(undefined);
    const { seq, epoch, trims, state } = head;
    // What others of this node have seen meanwhile is behind it: it is read with the next look.
    this.#position = { seq, epoch, trims, publicSeq: state.publicSeq };
    this.#note(this.#position, head.here.started);
    this.#followers.start({ epoch, seq, publicSeq: state.publicSeq });
  }

  /** Reads what has been appended, and hands it over, until there is no more. */
  async #catchUp(): Promise<void> {
    for (let hasMore = true; hasMore && !this.#isClosed;) {
      this.#isAsked = false;
      const position = this.#position;
      if (!position) return;
      const ask = await this.#connection.open();
      const rows = await ask<
        HeadColumns & { waits: boolean } & { [Column in keyof EventRow]: EventRow[Column] | null }
      >(
        // Row by row, whatever the planner knows of the table: until it has been analyzed, it would go through all events.
        `with r as materialized (select e.seq, sum(e.size) over (order by e.seq) - e.size as before
            from (select seq, size from @events where seq > $1 order by seq ${atMost(MAX_EVENTS)}) e)
          select ${HEAD_COLUMNS}, exists (select from @outbox) as waits, ${EVENT_COLUMNS} from @head h
          left join (r cross join lateral (select * from @events where seq = r.seq limit 1) e) on r.before < ${MAX_BYTES} order by r.seq`,
        [position.seq],
      );
      const [first] = rows;
      if (!first) throw noHead();
      const head = headOf(first);
      this.#hooks.onOutboxFound(first.waits);
      await this.#hooks.onHead(head, ask);
      if (head.epoch !== position.epoch || head.seq < position.seq) {
        throw new PostgresError('ERR_STORE_AWAY', 'The log has begun a new epoch');
      }
      const epochs = await this.#parts.epochs.of(ask, head.epoch);
      const events = rows.filter((row): row is typeof row & EventRow => row.seq !== null);
      hasMore = events.length >= MAX_EVENTS || bytesOf(events) >= MAX_BYTES;
      const through = hasMore ? (events.at(-1)?.seq ?? head.seq) : head.seq;
      const entries = events.map((row) => entryOf(row, epochs));
      const missing = through - position.seq - entries.length;
      const deletions =
        missing === 0 ? [] : await this.#deletions(ask, position, { through, trims: head.trims, missing });
      await this.#parts.ledger.sync(ask, head);
      this.#offer(
        [...entries, ...deletions].toSorted((one, other) => one.seq - other.seq),
        through,
        head,
      );
      hasMore ||= this.#isAsked;
    }
  }

  /** Hands over what was read, but for what was handed over meanwhile. */
  #offer(entries: readonly LogEntry[], through: number, { epoch, trims, state }: Head): void {
    const position = this.#position;
    if (!position || position.epoch !== epoch || position.seq >= through) return;
    const fresh = entries.filter(({ seq }) => seq > position.seq);
    const newestPublic = fresh.findLast((entry) => !entry.private)?.seq ?? position.publicSeq;
    const publicSeq = Math.max(newestPublic, state.publicSeq <= through ? state.publicSeq : 0);
    this.#moveTo({ epoch, seq: through, trims, publicSeq }, fresh);
  }

  /** The deletions of topics behind a position. Fails if events are missing that were trimmed, or deleted with their topic, so that who follows has to read. */
  async #deletions(
    ask: Ask,
    { seq, trims, epoch }: Position,
    to: { readonly through: number; readonly trims: number; readonly missing: number },
  ): Promise<LogEntry[]> {
    const [kept] = await ask<{ count: number; first: number | null }>(
      'select count(*) as count, min(seq) as first from @deletions',
    );
    const isBehind = (kept?.count ?? 0) >= MAX_DELETIONS && (kept?.first ?? 0) > seq;
    const removed = await removedBehind(ask, trims, to.trims, seq);
    const cannot = new PostgresError('ERR_STORE_AWAY', 'Events were removed before they could be handed over');
    if (isBehind || removed === 'trimmed') throw cannot;
    const rows = await ask<{ seq: number; topic: string; private: boolean; time: number }>(
      'select seq, topic, private, time from @deletions where seq > $1 and seq <= $2 order by seq',
      [seq, to.through],
    );
    // What is missing beside deletions was replaced, or deleted with its topic.
    if (removed === 'deleted' && to.missing > rows.length) throw cannot;
    return rows.map((row) => deletionOf(row.topic, row.private, { epoch, seq: row.seq }, row.time));
  }

  #moveTo(position: Position, entries: readonly LogEntry[]): void {
    this.#position = position;
    this.#note(position);
    if (entries.length > 0) this.#followers.emit(entries);
    this.#release();
  }

  #note({ epoch, seq }: Position, started: string = this.#seen.started): void {
    Object.assign(this.#seen, { epoch, seq, started });
  }

  #lose(reason: unknown): void {
    this.#connection.drop();
    if (!this.#position) return;
    this.#position = undefined;
    this.#release();
    this.#followers.lose(reason);
  }

  #release(): void {
    for (const each of this.#waiting) each();
    this.#waiting.clear();
  }

  #pause(ms: number): Promise<void> {
    if (this.#isAsked || this.#isClosed) return Promise.resolve();
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const end = (): void => {
        clock.clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = clock.setTimeout(end, ms);
      this.#wake = end;
    });
  }
}

function bytesOf(events: readonly EventRow[]): number {
  return events.reduce((sum, { frame }) => sum + frame.length, 0);
}
