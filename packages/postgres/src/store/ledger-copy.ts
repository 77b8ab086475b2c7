import { TrimLedger, type Trimmed, type TrimPlan } from '@tidings/server/log';
import type { Ask } from './connection.ts';
import { type Head, noHead } from './head.ts';

/** Removals that are kept for nodes that follow them. One that is further behind reads how far each topic was trimmed anew. */
const MAX_TRIMS = 10_000;

/** Deletions of topics that are kept for nodes that follow them. */
export const MAX_DELETIONS = 10_000;

// Removals that are read at once.
const READ_AT_ONCE = 500;

/** This node's copy of how far each topic was trimmed. It takes the removals of all nodes in their order. */
export class LedgerCopy {
  #ledger = new TrimLedger();
  /** Of which epoch it is: what was removed before another one began may be of a history that was lost. */
  #epoch = '';
  #at = 0;
  #syncing: Promise<void> | undefined;

  /** Another one after each beginning of an epoch. */
  get ledger(): TrimLedger {
    return this.#ledger;
  }

  /** The removals that it has taken. */
  get at(): number {
    return this.#at;
  }

  /** Takes a removal that has been committed, unless it was read meanwhile. */
  apply(at: number, plan: TrimPlan): void {
    if (at !== this.#at + 1) return;
    this.ledger.apply(plan);
    this.#at = at;
  }

  /**
   * Takes the removals of other nodes up to a number that the head has had, or more. Others may ask for the same at the same time. If the head is of another epoch,
   * all that is stored is read anew.
   */
  async sync(ask: Ask, { epoch, trims }: Pick<Head, 'epoch' | 'trims'>): Promise<void> {
    while (this.#epoch !== epoch || this.#at < trims) {
      this.#syncing ??= (this.#epoch === epoch ? this.#readSome(ask) : this.#begin(ask, epoch)).finally(() => {
        this.#syncing = undefined;
      });
      await this.#syncing;
    }
  }

  async #readSome(ask: Ask): Promise<void> {
    const rows = await ask<{ at: number; plan: string }>(
      `select at, plan from @trims where at > $1 order by at limit ${READ_AT_ONCE}`,
      [this.#at],
    );
    if (rows[0]?.at !== this.#at + 1) {
      // Another caller may have taken them meanwhile.
      if (rows[0] && rows[0].at <= this.#at) return;
      await this.#readAll(ask);
      return;
    }
    for (const { at, plan } of rows) this.apply(at, planFromJson(plan));
  }

  /** Takes what is stored, and nothing of what it knew before. */
  async #begin(ask: Ask, epoch: string): Promise<void> {
    const { topics, floor, trims } = await readTrimmed(ask);
    const ledger = new TrimLedger();
    for (const [topic, trimmed] of topics) ledger.restore(topic, trimmed);
    ledger.restoreFloor(floor);
    this.#ledger = ledger;
    this.#epoch = epoch;
    this.#at = trims;
  }

  /** Some removals are no longer kept: all topics count as trimmed now as far as they ever were, which may tell too much, and never too little. */
  async #readAll(ask: Ask): Promise<void> {
    const { topics, floor, trims } = await readTrimmed(ask);
    this.ledger.apply({ topics, removed: topics, forgotten: [], floor });
    this.#at = trims;
  }
}

/** Writes a removal, as part of the transaction that makes it. */
export async function writePlan(ask: Ask, at: number, plan: TrimPlan): Promise<void> {
  await ask('insert into @trims (at, plan) values ($1, $2)', [at, planToJson(plan)]);
  const rows = [...plan.topics].map(([topic, trimmed]) => ({ topic, trimmed: JSON.stringify(trimmed) }));
  await ask(
    `insert into @trimmed (topic, at, trimmed) select topic, $2::bigint, trimmed from json_to_recordset($1::json) as r(topic text, trimmed text)
      on conflict (topic) do update set at = excluded.at, trimmed = excluded.trimmed`,
    [JSON.stringify(rows), at],
  );
  if (plan.forgotten.length > 0) {
    await ask('delete from @trimmed where topic in (select json_array_elements_text($1::json))', [
      JSON.stringify(plan.forgotten),
    ]);
  }
  if (at % 100 === 0) await ask('delete from @trims where at <= $1', [at - MAX_TRIMS]);
}

/** What has removed events behind a sequence number, of the removals behind a number and up to another. */
export async function removedBehind(
  ask: Ask,
  trims: number,
  through: number,
  after: number,
): Promise<'trimmed' | 'deleted' | undefined> {
  if (trims >= through) return undefined;
  const rows = await ask<{ at: number; plan: string }>('select at, plan from @trims where at > $1 order by at', [
    trims,
  ]);
  // So many have come that they are no longer all kept.
  if (rows[0]?.at !== trims + 1) return 'trimmed';
  const removed = rows.flatMap(({ plan }) => [...planFromJson(plan).removed.values()]).filter(({ all }) => all > after);
  if (removed.some(({ all, deleted }) => all !== deleted)) return 'trimmed';
  return removed.length > 0 ? 'deleted' : undefined;
}

/** All that is stored, as of one moment. */
async function readTrimmed(
  ask: Ask,
): Promise<{ readonly topics: ReadonlyMap<string, Trimmed>; readonly floor: Trimmed; readonly trims: number }> {
  const [row] = await ask<{ trims: number; state: string; topics: string | null }>(
    `select trims, state, (select json_agg(json_build_array(topic, trimmed) order by at) from @trimmed)::text as topics from @head`,
  );
  if (!row) throw noHead();
  const pairs = JSON.parse(row.topics ?? '[]') as [string, string][];
  const topics = new Map(pairs.map(([topic, trimmed]) => [topic, JSON.parse(trimmed) as Trimmed]));
  const { floor } = JSON.parse(row.state) as { floor: Trimmed };
  return { topics, floor, trims: row.trims };
}

function planToJson({ topics, removed, forgotten, floor }: TrimPlan): string {
  return JSON.stringify({ topics: [...topics], removed: [...removed], forgotten, floor });
}

function planFromJson(text: string): TrimPlan {
  const { topics, removed, forgotten, floor } = JSON.parse(text) as {
    topics: [string, Trimmed][];
    removed: [string, Trimmed][];
    forgotten: string[];
    floor: Trimmed;
  };
  return { topics: new Map(topics), removed: new Map(removed), forgotten, floor };
}
