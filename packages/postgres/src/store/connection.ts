import pg, { type Client, type QueryResult, type QueryResultRow } from 'pg';
import { PostgresError } from '../errors.ts';
import { isAway } from './failure.ts';

/** The oldest PostgreSQL that will do, as the server says it. */
const MIN_VERSION = 13;

// A state of SQL.
const READ_ONLY = '25006';

// How long connecting may take, in milliseconds.
const CONNECT_MS = 5000;

// How much longer than a statement may take its answer is waited for, in milliseconds.
const ANSWER_MS = 2000;

// Numbers of 64 bits are texts by default. Those of the tables are safe integers.
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);

/** How to reach the database, and the names in it. */
export interface StorePlace {
  readonly url: string;
  readonly schema: string;
  readonly statementMs: number;
  /** Whether it may be a standby, from which is only read. @default false */
  readonly isReplica?: boolean;
}

/** The cluster that a connection leads to, and its history: another value of either means that the data may be those of a copy. */
export interface Cluster {
  readonly system: string;
  readonly timeline: string;
}

const CLUSTER = `select system_identifier::text as system, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
  from pg_control_system()`;

/** Asks one statement of the database. `@` in it stands before the names of the log's own tables. */
export type Ask = <Row extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * Ends a statement that reads in the order of an index, after so many rows. The planner is not told how many: of a table that has not been analyzed it expects so few that it would
 * read and sort all of them for each page.
 */
export function atMost(rows: number): string {
  return `limit (select ${rows})`;
}

/** A connection that is made when it is needed, and anew when it was lost. One caller uses it at a time. */
export class Connection {
  readonly #place: StorePlace;
  readonly #onLost: (() => void) | undefined;
  readonly #onNotice: ((payload: string) => void) | undefined;
  #client: Client | undefined;
  #cluster: Cluster | undefined;

  /** @param hooks what is called when the connection is lost, and with each notification, to which it listens then */
  constructor(
    place: StorePlace,
    hooks: { readonly onLost?: () => void; readonly onNotice?: (payload: string) => void } = {},
  ) {
    this.#place = place;
    this.#onLost = hooks.onLost;
    this.#onNotice = hooks.onNotice;
  }

  /** The cluster that the connection leads to, as of when it was made. */
  get cluster(): Cluster | undefined {
    return this.#cluster;
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  /** @throws {PostgresError} `ERR_STORE_AWAY`, `ERR_STORE_UNFIT` */
  async open(): Promise<Ask> {
    this.#client ??= await this.#connect();
    const client = this.#client;
    return async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) => {
      // Without values several statements may be one text.
      const given = values.length === 0 ? undefined : [...values];
      const answer = await client.query<Row>(inSchema(text, this.#place.schema), given);
      // Of several statements the last one is what was asked.
      const all: readonly QueryResult<Row>[] = Array.isArray(answer) ? answer : [answer];
      return all.at(-1)?.rows ?? [];
    };
  }

  /** Ends the connection. The next `open` makes another. */
  drop(): void {
    const client = this.#client;
    this.#client = undefined;
    // Nobody waits for the farewell of a connection that may be broken.
    client?.end().catch(() => {});
  }

  /** Ends the connection, and waits until it has ended. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<Client> {
    const { url, statementMs, schema } = this.#place;
    const client = new pg.Client({
      connectionString: url,
      application_name: 'tidings',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      // A server that is stopped keeps its connections and answers nothing.
      query_timeout: statementMs + ANSWER_MS,
      types: TYPES,
    });
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#onLost?.();
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload = '' }) => this.#onNotice?.(payload));
    try {
      await client.connect();
      await this.#greet(client, schema);
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw withoutPassword(client, error) ?? unusable(error);
    }
  }

  async #greet(client: Client, schema: string): Promise<void> {
    const { rows: told } = await client.query<{ version: number; encoding: string; standby: boolean }>(
      `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
        pg_is_in_recovery() as standby`,
    );
    const [found] = told;
    if (!found || found.version < MIN_VERSION * 10_000) {
      throw new PostgresError(
        'ERR_STORE_UNFIT',
        `The database is PostgreSQL ${Math.floor((found?.version ?? 0) / 10_000)}; ${MIN_VERSION} or newer is needed`,
      );
    }
    if (found.encoding !== 'UTF8') {
      const message = `The database has the encoding ${found.encoding}; UTF8 is needed, for the names of topics`;
      throw new PostgresError('ERR_STORE_UNFIT', message);
    }
    if (this.#place.isReplica === true) return;
    if (found.standby) {
      // A server that is to be promoted is one for as long as that takes.
      throw new PostgresError('ERR_STORE_AWAY', 'The database is a standby, which takes no events: give the primary');
    }
    const { rows } = await client.query<Cluster>(CLUSTER);
    [this.#cluster] = rows;
    if (this.#onNotice) await client.query(`listen ${channelOf(schema)}`);
  }
}

/**
 * Begins a transaction that waits for its turn and then sees what the others have done. Another isolation, which may be the default of a database or of a role, would fail it
 * instead.
 */
export const BEGIN = 'begin isolation level read committed';

/** Asks to which cluster a connection leads now: through a pooler it may be another one than before. */
export async function readCluster(ask: Ask): Promise<Cluster> {
  const [found] = await ask<Cluster & Record<string, unknown>>(CLUSTER);
  if (!found) throw new Error('The database did not say which one it is');
  return found;
}

/** The channel of notifications of a log. */
export function channelOf(schema: string): string {
  return `tidings_${schema}`;
}

/** A statement with the names of a log's own tables. A schema has no other characters than a name may have without quotes. */
function inSchema(text: string, schema: string): string {
  return text.replaceAll('@', `"${schema}".`);
}

/** What refuses a connection for which a password is wanted, if none was given. The driver says so in words of its own, or sends an empty one. */
function withoutPassword({ password }: Client, error: unknown): PostgresError | undefined {
  if (typeof password === 'string' && password !== '') return undefined;
  const isRefused = error instanceof pg.DatabaseError && error.code === '28P01';
  if (!isRefused && !(error instanceof Error && /^SASL: .* password must be/.test(error.message))) return undefined;
  const message = 'The database wants a password, and its URL has none: postgres://user:password@host/database has one';
  return new PostgresError('ERR_INVALID_OPTION', message, { cause: error });
}

/** The reason why the database cannot be reached, or cannot be used. It never has the password. */
export function unusable(error: unknown): PostgresError {
  if (error instanceof PostgresError) return error;
  const why = error instanceof Error ? error.message || error.name : String(error);
  // No standby gets as far as that.
  const isReadOnly = error instanceof pg.DatabaseError && error.code === READ_ONLY;
  const code = isAway(error) && !isReadOnly ? 'ERR_STORE_AWAY' : 'ERR_STORE_UNFIT';
  const what = code === 'ERR_STORE_AWAY' ? 'Cannot reach the database' : 'Cannot use the database';
  return new PostgresError(code, `${what}: ${why}`, { cause: error });
}
