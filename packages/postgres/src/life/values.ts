import { KeptValues, type ValueRecord, type ValuesHost } from '@tidings/server/log';
import type { Ask } from '../store/connection.ts';
import type { Writer } from '../writing/writer.ts';

/** The values of the log: in a table, and in the memory of each node, which takes the changes of others as it follows them. */
export class SharedValues {
  readonly values: KeptValues;
  readonly #writer: Writer;
  /** How often they had been changed, as of what is in memory. */
  #version = -1;

  constructor(writer: Writer, host: Omit<ValuesHost, 'inTurn'>) {
    this.#writer = writer;
    this.values = new KeptValues({ ...host, inTurn: (change) => change((changes) => this.#store(changes)) });
  }

  /** Reads what is stored, unless that is known. @param version how often it has been changed */
  async sync(ask: Ask, version: number): Promise<void> {
    if (version === this.#version) return;
    // The version is that of the same moment.
    const rows = await ask<{ name: string | null; record: string | null; state: string }>(
      'select v.name, v.record, h.state from @head h left join @stored_values v on true',
    );
    const stored = (JSON.parse(rows[0]?.state ?? '{}') as { values?: number }).values ?? 0;
    if (stored <= this.#version) return;
    this.#version = stored;
    this.values.refresh(
      rows.flatMap(({ name, record }) =>
        name === null || record === null ? [] : [[JSON.parse(name) as string, JSON.parse(record) as ValueRecord]],
      ),
    );
  }

  async #store(changes: ReadonlyMap<string, ValueRecord | undefined>): Promise<void> {
    const version = await this.#writer.change([], async (tx) => {
      const entries = [...changes].map(([name, record]) => ({
        name: JSON.stringify(name),
        record: record ? JSON.stringify(record) : null,
      }));
      const given = [JSON.stringify(entries)];
      await tx.ask(
        `delete from @stored_values where name in (select name from json_to_recordset($1::json) as r(name text, record text) where record is null)`,
        given,
      );
      await tx.ask(
        `insert into @stored_values (name, record)
          select name, record from json_to_recordset($1::json) as r(name text, record text) where record is not null
          on conflict (name) do update set record = excluded.record`,
        given,
      );
      tx.state.values += 1;
      tx.isChanged = true;
      return tx.state.values;
    });
    // If another node has changed some, too, all are read when this one hears of it.
    if (version === this.#version + 1) this.#version = version;
  }
}
