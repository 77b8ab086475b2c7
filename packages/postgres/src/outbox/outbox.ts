import { prepareBatch, ServerError, type CheckedBounds, type NewEvent, type PreparedBatch } from '@tidings/server/log';
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

/**
 * Moves what was published in the transactions of others into the log. Whoever has the head locked moves, so that there is one mover at a time, whichever node
 * it is of. An event leaves the outbox in the transaction that appends it.
 */
export class Outbox {
  readonly #writer: Writer;
  readonly #bounds: CheckedBounds;
  readonly #reports: Reports;
  #isMoving = false;
  #isAsked = false;

  constructor(writer: Writer, bounds: CheckedBounds, reports: Reports) {
    this.#writer = writer;
    this.#bounds = bounds;
    this.#reports = reports;
  }

  /** Moves what is there, again if that is under way. */
  move(): void {
    this.#isAsked = true;
    if (this.#isMoving) return;
    this.#isMoving = true;
    void this.#moveAll()
      // It is tried again when the log looks for more.
      .catch(() => {})
      .then(() => {
        this.#isMoving = false;
      });
  }

  async #moveAll(): Promise<void> {
    while (this.#isAsked) {
      this.#isAsked = false;
      const moved = await this.#writer.change([], (tx) => this.#moveSome(tx), true);
      const [first] = moved.refused;
      if (first) {
        const more = moved.refused.length > 1 ? ` (${moved.refused.length} were refused, this is the first)` : '';
        const message = `Cannot publish an event of the outbox: ${first.reason}. It is in the table outbox_refused with the id ${first.row.id}${more}`;
        this.#reports.tell(new PostgresError('ERR_OUTBOX_REFUSED', message));
      }
      if (moved.hasMore) this.#isAsked = true;
    }
  }

  async #moveSome(tx: Transaction): Promise<{ readonly hasMore: boolean; readonly refused: readonly Refused[] }> {
    const rows = await tx.ask<OutboxRow & { before: number }>(
      `select * from (select o.*, sum(octet_length(data)) over (order by id) - octet_length(data) as before
        from (select * from @outbox order by id limit ${MAX_MOVED}) o) m where before < ${MAX_BYTES} order by id`,
    );
    if (rows.length === 0) return { hasMore: false, refused: [] };
    const refused: Refused[] = [];
    const batches = rows.map((row) => {
      try {
        return { row, batch: prepareBatch([eventOf(row)], {}, this.#bounds) };
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
    await tx.ask('delete from @outbox where id = any($1::bigint[])', [rows.map(({ id }) => id)]);
    await keepRefused(tx.ask, refused);
    tx.isChanged = true;
    return { hasMore: true, refused };
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
