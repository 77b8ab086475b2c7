import type { EventLog, LogRetention } from '@tidings/server/log';
import type { OptionFormat } from '../command-line/option.ts';
import { CliError } from '../errors.ts';

interface OpenOptions {
  readonly retention: LogRetention;
  /** Called with failures of which no caller learns. */
  readonly onError: (error: unknown) => void;
}

/** A kind of log that several hubs share, in a package that is installed by who wants it. */
interface SharedKind {
  /** What keeps the events. */
  readonly store: string;
  readonly package: string;
  /** Loads the package, and opens its log. */
  readonly open: (url: string, options: OpenOptions) => Promise<EventLog>;
  /** How many bytes are kept by default. */
  readonly maxBytes: number;
}

const POSTGRES: SharedKind = {
  store: 'PostgreSQL',
  package: '@tidings/postgres',
  async open(text, options) {
    const { PostgresLog } = await import('@tidings/postgres');
    return await PostgresLog.open({ ...withSchema(text), ...options });
  },
  maxBytes: 2 ** 30,
};

const NATS: SharedKind = {
  store: 'NATS',
  package: '@tidings/nats',
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
const PARTS = /^([a-z]+):\/\/(?:[^?#]*@)?([^?#@]*)(?:\?[^@#]*)?$/;

export const LOG_URL: OptionFormat<string> = {
  parse: (text) => (/^[a-z]+:\/\/./.test(text) && KINDS.has(schemeOf(text)) ? text : undefined),
  allowed: 'a URL that begins with postgres://, nats:// or tls://',
  // It may hold a password.
  secret: true,
};

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'));
}

function kindOf(url: string): SharedKind {
  return KINDS.get(schemeOf(url)) ?? POSTGRES;
}

/** The URL and the schema, which is a parameter of it here. */
function withSchema(text: string): { readonly url: string; readonly schema?: string } {
  if (!URL.canParse(text)) return { url: text };
  const url = new URL(text);
  const schema = url.searchParams.get('schema');
  url.searchParams.delete('schema');
  return schema === null ? { url: text } : { url: url.href, schema };
}

/** How many bytes the log of a URL keeps by default. */
export function defaultBytes(url: string): number {
  return kindOf(url).maxBytes;
}

/** Where the events of a log are, without what may be secret in its URL: `PostgreSQL at localhost:5432/events`. */
export function shownPlace(url: string): string {
  const { store } = kindOf(url);
  const [, , place] = PARTS.exec(url) ?? [];
  if (place === undefined) return store;
  return `${store} at ${/^\/|^$/.test(place) ? 'localhost' : ''}${place}`;
}

/** Opens the log of a URL. @throws {CliError} `ERR_DATA`, `ERR_USAGE` */
export async function openShared(url: string, options: OpenOptions): Promise<EventLog> {
  const kind = kindOf(url);
  try {
    return await kind.open(url, options);
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
