import {
  prepareBatch,
  ServerError,
  type CheckedBounds,
  type Clock,
  type NewEvent,
  type PreparedBatch,
} from '@tidings/server/log';
import { PostgresError } from '../errors.ts';
import type { Reports } from '../reports.ts';
import { appendTo } from '../changes/appending.ts';
import type { Transaction } from '../changes/transaction.ts';
import type { Ask } from '../store/connection.ts';
import type { Writer } from '../writing/writer.ts';

// What one transaction moves at most.
const MAX_MOVED = 1000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Events that were refused and are kept, the newest. */
const MAX_REFUSED = 10_000;

// For how long a node leaves it to the one that moved last, in milliseconds, before it looks whether something still waits.
const PATIENCE_MS = 250;

interface OutboxRow {
  readonly id: number;
  readonly topics: string;
  readonly data: string;
  readonly type: string | null;
  readonly event_id: string | null;
  readonly private: boolean;
  readonly latest_key: string | null;
  readonly forget: boolean;
  readonly final: boolean;
}

interface Refused {
  readonly row: OutboxRow;
  readonly reason: string;
}

/** What a transaction has moved. */
interface Moved {
  readonly count: number;
  readonly hasMore: boolean;
  readonly refused: readonly Refused[];
}

interface OutboxParts {
  readonly writer: Writer;
  readonly bounds: CheckedBounds;
  readonly reports: Reports;
  readonly clock: Clock;
  /** Looks whether something waits, which {@link Outbox.found} is told. */
  readonly look: () => void;
}

/**
 * Moves what was published in the transactions of others into the log. There is one mover at a time, whichever node it is of: it has the head locked, and
 * whoever finds another one at it leaves it alone. All nodes are told of what comes; the one that moved last goes first, and the others only look, after a while, whether it
 * has. An event leaves the outbox in the transaction that appends it.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  #isMoving = false;
  #isAsked = false;
  /** Whether no other node is known to move. */
  #isFirst = true;
  /** Whether this node has moved something since it last found another one at it. */
  #hasMoved = false;
  #timer: unknown;
  /** The patience is over: what is found waiting is moved. */
  #isDue = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Something has come. */
  told(): void {
    if (this.#isFirst) this.#move();
    else this.#lookLater();
  }

  /** @param isSo whether something waits, as of now */
  found(isSo: boolean): void {
    if (isSo && this.#timer !== undefined) return;
    this.close();
    if (isSo) this.#move();
  }

  /** Looks no more. */
  close(): void {
    this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDue = false;
  }

  #lookLater(): void {
    if (this.#isDue) return;
    const { clock, look } = this.#parts;
    this.#timer ??= clock.setTimeout(() => {
      this.#timer = undefined;
      this.#isDue = true;
      look();
    }, PATIENCE_MS);
  }

  /** Moves what is there, again if that is under way. */
  #move(): void {
    this.#isAsked = true;
    if (this.#isMoving) return;
    this.#isMoving = true;
    // It is tried again when the log looks for more.
    this.#moveAll().catch(() => {});
  }

  async #moveAll(): Promise<void> {
    try {
      while (this.#isAsked) {
        this.#isAsked = false;
        this.#report(await this.#parts.writer.move((tx) => this.#moveSome(tx)));
      }
    } finally {
      this.#isMoving = false;
    }
  }

  #report(moved: Moved | undefined): void {
    if (!moved) {
      // Another node moves, and is told of what comes meanwhile as this one is.
      this.#isFirst = this.#hasMoved = false;
      this.#lookLater();
      return;
    }
    // Who finds nothing was late, unless it has moved that together with what came before.
    this.#hasMoved ||= moved.count > 0;
    this.#isFirst = this.#hasMoved;
    if (moved.hasMore) this.#isAsked = true;
    const [first] = moved.refused;
    if (!first) return;
    const more = moved.refused.length > 1 ? ` (${moved.refused.length} were refused, this is the first)` : '';
    const message = `Cannot publish an event of the outbox: ${first.reason}. It is in the table outbox_refused with the id ${first.row.id}${more}`;
    this.#parts.reports.tell(new PostgresError('ERR_OUTBOX_REFUSED', message));
  }

  async #moveSome(tx: Transaction): Promise<Moved> {
    // Whatever becomes of them, they leave the outbox.
    const removed = await tx.ask<OutboxRow>(
      `with m as (select id, sum(octet_length(data)) over (order by id) - octet_length(data) as before
        from (select id, data from @outbox order by id limit ${MAX_MOVED}) o)
      delete from @outbox o using m where o.id = m.id and m.before < ${MAX_BYTES} returning o.*`,
    );
    const rows = removed.toSorted((one, other) => one.id - other.id);
    if (rows.length === 0) return { count: 0, hasMore: false, refused: [] };
    const refused: Refused[] = [];
    const batches = rows.map((row) => {
      try {
        return { row, batch: prepareBatch([eventOf(row)], {}, this.#parts.bounds) };
      } catch (error) {
        refused.push({ row, reason: reasonOf(error) });
        return { row, batch: undefined };
      }
    });
    await tx.load(batches.flatMap(({ batch }) => batch?.events.flatMap(({ topics }) => topics) ?? []));
    for (const { row, batch } of batches) {
      const reason = batch && tryAppend(tx, batch);
      if (reason !== undefined) refused.push({ row, reason });
    }
    await keepRefused(tx.ask, refused);
    tx.isChanged = true;
    const bytes = rows.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
    return { count: rows.length, hasMore: rows.length === MAX_MOVED || bytes >= MAX_BYTES, refused };
  }
}

/** Why an event was refused; undefined if it was appended. */
function tryAppend(tx: Transaction, batch: PreparedBatch): string | undefined {
  try {
    appendTo(tx, batch);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

async function keepRefused(ask: Ask, refused: readonly Refused[]): Promise<void> {
  if (refused.length === 0) return;
  const rows = refused.map(({ row, reason }) => ({ id: row.id, reason, event: JSON.stringify(row) }));
  await ask(
    `insert into @outbox_refused (id, reason, event) select id, reason, event from json_to_recordset($1::json) as r(id bigint, reason text, event text)`,
    [JSON.stringify(rows)],
  );
  await ask(
    `delete from @outbox_refused where id <= (select id from @outbox_refused order by id desc offset ${MAX_REFUSED} limit 1)`,
  );
}

function eventOf(row: OutboxRow): NewEvent {
  const { data, type, event_id: id, private: isPrivate, latest_key: latestKey, forget, final } = row;
  return {
    topics: JSON.parse(row.topics) as string[],
    fields: { data, ...(type === null ? {} : { event: type }), ...(id === null ? {} : { id }) },
    private: isPrivate,
    final,
    ...(latestKey === null ? {} : { latestKey, forget }),
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof ServerError) return error.message;
  throw error;
}
