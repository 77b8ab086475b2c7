import { KeptValues, type StoredValues, type ValueRecord, type ValuesHost } from '@tidings/server/log';
import type { Readers } from '../reading/readers.ts';
import type { Ask } from '../store/connection.ts';
import { type Head, readHead } from '../store/head.ts';
import type { Writer } from '../writing/writer.ts';

// How many changes are noted. A node that has missed more reads all values.
const NOTED_CHANGES = 256;

/** A value that may have been removed. */
interface Row extends Record<string, unknown> {
  readonly name: string | null;
  readonly record: string | null;
  /** That of the head, in each row. */
  readonly state: string;
}

/** The values of the log: in a table, and in the memory of each node, which takes the changes of others as it follows them. */
export class SharedValues {
  readonly values: StoredValues;
  readonly #kept: KeptValues;
  readonly #writer: Writer;
  readonly #readers: Readers;
  /** How often they had been changed, as of what is in memory. */
  #version = -1;
  /** In which epoch of the log. */
  #epoch = '';
  #asked: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(writer: Writer, readers: Readers, host: Omit<ValuesHost, 'inTurn'>) {
    this.#writer = writer;
    this.#readers = readers;
    const kept = new KeptValues({ ...host, inTurn: (change) => change((changes) => this.#store(changes)) });
    this.#kept = kept;
    this.values = {
      // Another node may have set it just now.
      get: async (name) => (await kept.get(name)) ?? (await this.#current().then(() => kept.get(name))),
      list: async (prefix) => await this.#current().then(() => kept.list(prefix)),
      set: kept.set.bind(kept),
      remove: async (name) => {
        if ((await kept.get(name)) === undefined) await this.#current();
        return await kept.remove(name);
      },
      watch: kept.watch.bind(kept),
    };
  }

  /** Resolves when what was stored before the call is known. Those who ask meanwhile are answered together: anybody may ask for a name that is not there. */
  async #current(): Promise<void> {
    this.#next ??= (async () => {
      await this.#asked.catch(() => {});
      this.#next = undefined;
      this.#asked = this.#readers.ask(async (ask) => this.sync(ask, await readHead(ask)));
      await this.#asked;
    })();
    await this.#next;
  }

  /** Reads what has changed, unless that is known. In another epoch all is read: what was known may be of a history that was lost. */
  async sync(ask: Ask, { epoch, state }: Head): Promise<void> {
    const isSame = epoch === this.#epoch;
    if (isSame && state.values === this.#version) return;
    if (isSame && (await this.#readChanges(ask))) return;
    // The version is that of the same moment.
    const rows = await ask<Row>('select v.name, v.record, h.state from @head h left join @stored_values v on true');
    const stored = versionIn(rows);
    if (isSame && stored <= this.#version) return;
    this.#version = stored;
    this.#epoch = epoch;
    this.#kept.refresh(recordsIn(rows).flatMap(([name, record]) => (record ? [[name, record]] : [])));
  }

  /** Reads the values that have changed since the last time. Resolves to false if not all of that is noted any more, or by a program of before. */
  async #readChanges(ask: Ask): Promise<boolean> {
    const known = this.#version;
    const rows = await ask<Row & { versions: string | null }>(
      `select c.name, v.record, c.versions, h.state from @head h
        left join (
          select name, (select count(distinct version) from @value_changes where version > $1) as versions
          from @value_changes where version > $1 group by name
        ) c on true
        left join @stored_values v on v.name = c.name`,
      [known],
    );
    const stored = versionIn(rows);
    if (stored <= this.#version) return true;
    if (this.#version !== known || Number(rows[0]?.versions ?? 0) !== stored - known) return false;
    this.#version = stored;
    this.#kept.take(new Map(recordsIn(rows)));
    return true;
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
      await tx.ask(
        'insert into @value_changes (version, name) select $1, name from json_to_recordset($2::json) as r(name text)',
        [tx.state.values, ...given],
      );
      await tx.ask('delete from @value_changes where version <= $1', [tx.state.values - NOTED_CHANGES]);
      tx.isChanged = true;
      return tx.state.values;
    });
    // If another node has changed some, too, all are read when this one hears of it.
    if (version === this.#version + 1) this.#version = version;
  }
}

function versionIn([first]: readonly Row[]): number {
  return (JSON.parse(first?.state ?? '{}') as { values?: number }).values ?? 0;
}

function recordsIn(rows: readonly Row[]): [name: string, record: ValueRecord | undefined][] {
  return rows.flatMap(({ name, record }) =>
    name === null
      ? []
      : [[JSON.parse(name) as string, record === null ? undefined : (JSON.parse(record) as ValueRecord)]],
  );
}
