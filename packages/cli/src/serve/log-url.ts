import type { EventLog, LogRetention } from '@tidings/server/log';
import type { OptionFormat } from '../command-line/option.ts';
import { CliError } from '../errors.ts';

interface CheckOptions {
  readonly retention: LogRetention;
}

interface OpenOptions extends CheckOptions {
  /** Called with failures of which no caller learns. */
  readonly onError: (error: unknown) => void;
}

/** A kind of log that several hubs share, in a package that is installed by who wants it. */
interface SharedKind {
  /** What keeps the events. */
  readonly store: string;
  readonly package: string;
  /** Loads the package, and checks what needs no connection, as `open` does. */
  readonly check: (url: string, options: CheckOptions) => Promise<void>;
  /** Loads the package, and opens its log. */
  readonly open: (url: string, options: OpenOptions) => Promise<EventLog>;
  /** How many bytes are kept by default. */
  readonly maxBytes: number;
}

const POSTGRES: SharedKind = {
  store: 'PostgreSQL',
  package: '@tidings/postgres',
  async check(url, options) {
    const { PostgresLog } = await import('@tidings/postgres');
    PostgresLog.checkUrl(url, options);
  },
  async open(url, options) {
    const { PostgresLog } = await import('@tidings/postgres');
    return await PostgresLog.openUrl(url, options);
  },
  maxBytes: 2 ** 30,
};

const NATS: SharedKind = {
  store: 'NATS',
  package: '@tidings/nats',
  async check(url, options) {
    const { NatsLog } = await import('@tidings/nats');
    NatsLog.checkUrl(url, options);
  },
  async open(url, options) {
    const { NatsLog } = await import('@tidings/nats');
    return await NatsLog.openUrl(url, options);
  },
  // Every node has what is kept in memory.
  maxBytes: 2 ** 28,
};

/** The logs by the schemes of their URLs. */
const KINDS: ReadonlyMap<string, SharedKind> = new Map([
  ['postgres', POSTGRES],
  ['postgresql', POSTGRES],
  ['nats', NATS],
  ['tls', NATS],
]);

// A URL with an @ where none belongs may have a password in any part.
const PARTS = /^([a-z]+):\/\/(?:[^?#]*@)?([^?#@]*)(?:\?([^@#]*))?$/;

// The schema that has the tables if the URL of a database names none.
const SCHEMA = 'tidings';

export const LOG_URL: OptionFormat<string> = {
  parse: (text) => (/^[a-z]+:\/\/./.test(text) && KINDS.has(schemeOf(text)) ? text : undefined),
  allowed: 'a URL that begins with postgres://, nats:// or tls://, and has a host behind that',
  // It may hold a password.
  secret: true,
};

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'));
}

function kindOf(url: string): SharedKind {
  return KINDS.get(schemeOf(url)) ?? POSTGRES;
}

/** How many bytes the log of a URL keeps by default. */
export function defaultBytes(url: string): number {
  return kindOf(url).maxBytes;
}

/** Where the events of a log are, without what may be secret in its URL: `PostgreSQL at localhost:5432/events`. */
export function shownPlace(url: string): string {
  const { store } = kindOf(url);
  const [, , place, query] = PARTS.exec(url) ?? [];
  if (place === undefined) return store;
  const schema = new URLSearchParams(query).get('schema') ?? SCHEMA;
  const within = schema === SCHEMA || !/^\w{1,40}$/.test(schema) ? '' : ` (schema ${schema})`;
  return `${store} at ${/^\/|^$/.test(place) ? 'localhost' : ''}${place}${within}`;
}

/** Opens the log of a URL. @throws {CliError} `ERR_DATA`, `ERR_USAGE` */
export async function openShared(url: string, options: OpenOptions): Promise<EventLog> {
  return await explaining(url, ({ open }) => open(url, options));
}

/** Checks the URL of a log, and what is kept in it, as {@link openShared} does before it makes a connection. @throws {CliError} `ERR_DATA`, `ERR_USAGE` */
export async function checkShared(url: string, options: CheckOptions): Promise<void> {
  await explaining(url, ({ check }) => check(url, options));
}

async function explaining<T>(url: string, run: (kind: SharedKind) => Promise<T>): Promise<T> {
  const kind = kindOf(url);
  try {
    return await run(kind);
  } catch (error) {
    throw explainShared(error, shownPlace(url), kind.package);
  }
}

function explainShared(error: unknown, place: string, name: string): CliError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return new CliError(
      'ERR_DATA',
      `cannot start the hub: events in ${place} need the package ${name}, which cannot be loaded: install it beside tidings, with npm install ${name}`,
      { cause: error },
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  const message = `cannot start the hub with its events in ${place}: ${why}`;
  return new CliError(code === 'ERR_INVALID_OPTION' ? 'ERR_USAGE' : 'ERR_DATA', message, { cause: error });
}
