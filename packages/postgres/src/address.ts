import { shown, suggestion } from '@tidings/server/log';
import pg from 'pg';
import { PostgresError } from './errors.ts';

// What the driver honours. It ignores every other parameter, such as a misspelt one.
const PARAMETERS: readonly string[] = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'uselibpqcompat',
  'host',
  'port',
  'user',
  'password',
  'application_name',
  'fallback_application_name',
  'options',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
];

// The driver makes NaN of another text, and the database says only that.
const DURATIONS: ReadonlySet<string> = new Set([
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
]);
const LONGEST_MS = 2 ** 31 - 1;

const SSL_MODES: readonly string[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

// What comes before the path, the parameters or the fragment, and what follows.
const PARTS = /^postgres(?:ql)?:\/\/([^/?#]*)(.*)$/s;

// A password may be in it, so that no message shows what may be a part of one.
const WORD = /^\w{1,40}$/;

/**
 * Checks the URL of a database, as far as that can be done without a connection. No message has a part of it that may be secret.
 * @param name what has it, in messages
 * @param more parameters that are allowed beside those of the driver
 * @throws {PostgresError} `ERR_INVALID_OPTION`
 */
export function checkUrl(name: string, url: unknown, more: readonly string[] = []): asserts url is string {
  const [, authority, rest = ''] = (typeof url === 'string' && PARTS.exec(url)) || [];
  if (typeof url !== 'string' || authority === undefined) {
    // A URL that is written in another way may have a password, too.
    const found = typeof url === 'string' ? 'of another form' : shown(url);
    throw refused(`${name} is ${found}, but must begin with postgres://`);
  }
  if (url.includes('#')) throw refused(`${name} has a #: in a user name or a password it is written %23`);
  if (hasBadPercent(url)) {
    throw refused(
      `${name} has a % that two hexadecimal digits of a character do not follow: a % itself is written %25`,
    );
  }
  const [path = ''] = rest.split('?');
  if (path.includes('@')) {
    throw refused(
      `${name} has an @ behind its host: in a user name or a password / is written %2F, and ? is written %3F`,
    );
  }
  checkHost(name, authority, rest);
  const parsed = parse(url);
  if (!parsed) throw refused(`${name} has a host that no host may have`);
  checkParameters(name, parsed.searchParams, more);
  try {
    // It reads the files that the parameters name, and makes no connection.
    void new pg.Client({ connectionString: withoutParameters(url, more) });
  } catch (error) {
    throw refused(`${name} cannot be used: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** The parameters of a URL that are a log's own, and the URL without them. */
export function withoutSchema(url: string): { readonly url: string; readonly schema?: string } {
  const schema = parse(url)?.searchParams.get('schema') ?? undefined;
  return schema === undefined ? { url } : { url: withoutParameters(url, ['schema']), schema };
}

function checkHost(name: string, authority: string, rest: string): void {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (host.includes(',')) throw refused(`${name} has several hosts; one is allowed`);
  const port = /:([^:\]]*)$/.exec(host)?.[1];
  if (port === undefined || port === '' || isPort(port)) return;
  // With an @ further on, this is the password rather than the port.
  const isCut = rest.includes('@') || !/^-?\d+$/.test(port);
  const advice = isCut ? ': in a password / is written %2F, ? is written %3F and @ is written %40' : '';
  const found = isCut ? 'a port that is no number' : `the port ${port}`;
  throw refused(`${name} has ${found}; 1 to 65535 are allowed${advice}`);
}

function checkParameters(name: string, parameters: URLSearchParams, more: readonly string[]): void {
  const allowed = [...more, ...PARAMETERS];
  for (const [key, value] of parameters) {
    if (!allowed.includes(key)) {
      const found = WORD.test(key) ? `the parameter ${shown(key)}` : 'a parameter with another name';
      throw refused(`${name} has ${found}; allowed are ${allowed.join(', ')}${suggestion(key, allowed)}`);
    }
    // The driver takes the last one, and the log the first schema.
    if (parameters.getAll(key).length > 1) throw refused(`${name} has the parameter ${key} twice; once is allowed`);
    if (DURATIONS.has(key) && !(/^\d{1,10}$/.test(value) && Number(value) <= LONGEST_MS)) {
      throw refused(`${name} has the ${key} ${shown(value)}; 0 to ${LONGEST_MS} milliseconds are allowed`);
    }
    if (key === 'uselibpqcompat' && value !== 'true' && value !== 'false') {
      throw refused(`${name} has the ${key} ${shown(value)}; true and false are allowed`);
    }
    if (key === 'port' && !isPort(value)) throw refused(`${name} has the port ${shown(value)}; 1 to 65535 are allowed`);
    if (key === 'sslmode' && !SSL_MODES.includes(value)) {
      const hint = suggestion(value, SSL_MODES);
      throw refused(`${name} has the sslmode ${shown(value)}; allowed are ${SSL_MODES.join(', ')}${hint}`);
    }
  }
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function hasBadPercent(url: string): boolean {
  try {
    decodeURIComponent(url);
    return false;
  } catch {
    return true;
  }
}

function parse(url: string): URL | undefined {
  // The driver takes a URL without a host, though there is a user.
  const whole = url.replace('@/', '@localhost/');
  return URL.canParse(whole) ? new URL(whole) : undefined;
}

function withoutParameters(url: string, names: readonly string[]): string {
  const at = url.indexOf('?');
  if (at < 0) return url;
  const kept = url
    .slice(at + 1)
    .split('&')
    .filter((pair) => !names.includes(decodeURIComponent(pair.split('=')[0] ?? '')));
  return kept.length === 0 ? url.slice(0, at) : `${url.slice(0, at)}?${kept.join('&')}`;
}

function refused(message: string, cause?: unknown): PostgresError {
  return new PostgresError('ERR_INVALID_OPTION', message, { cause });
}
