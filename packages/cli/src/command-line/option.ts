import { availableParallelism } from 'node:os';
import { DURATION_FORM, formatDuration, parseDuration } from '@tidings/server/units';
import { Option } from 'commander';
import { CliError } from '../errors.ts';
import { formatCount, parseInteger, parseSize } from '../terminal/quantity.ts';

/** How the text of an option becomes its value. */
export interface OptionFormat<T> {
  /** Undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined;
  /** Completes the sentence "the option must be …". */
  readonly allowed: string;
  /** Whether an error tells only the length of what was given. @default false */
  readonly secret?: boolean;
  /** Whether it is a list with commas between its entries. @default false */
  readonly isCommaList?: boolean;
}

/** The word that stands for "without a limit", whose value is Infinity because commander knows no option without a value. */
const NONE = 'none';

/** The most events that `--last` may ask for (PROTOCOL §5.2). */
const MAX_LAST = 10_000;

const MAX_PORT = 65_535;

const MAX_LEASE_MS = 24 * 60 * 60 * 1000;

/** The longest time after which a topic may be forgotten (PROTOCOL §12.4). */
const MAX_TTL_MS = 36_500 * 24 * 60 * 60 * 1000;

export const PORT: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 0, MAX_PORT),
  allowed: `a number from 0 to ${MAX_PORT}`,
};

/** The most workers. A larger number is taken for a mistake. */
const MAX_WORKERS = 256;

/** How many processes serve connections: one for each core with `auto`. */
export const WORKERS: OptionFormat<number> = {
  parse: (text) =>
    text === 'auto' ? Math.min(availableParallelism(), MAX_WORKERS) : parseInteger(text, 1, MAX_WORKERS),
  allowed: `a whole number from 1 to ${MAX_WORKERS}, or "auto"`,
};

export const AGE: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : atLeastOne(parseDuration(text))),
  allowed: `${DURATION_FORM}, of at least 1ms, or "none"`,
};

/** How long after its last event a topic is forgotten (PROTOCOL §12.4). */
export const TTL: OptionFormat<number> = {
  parse: (text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms >= 1_000 && ms <= MAX_TTL_MS ? ms : undefined;
  },
  allowed: `${DURATION_FORM}, from 1s to ${formatDuration(MAX_TTL_MS)}`,
};

/** How long a lease lasts (PROTOCOL §12.5). */
export const LEASE: OptionFormat<number> = {
  parse: (text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms >= 1_000 && ms <= MAX_LEASE_MS ? ms : undefined;
  },
  allowed: `${DURATION_FORM}, from 1s to 24h`,
};

/** The token of a lease, which a header field carries (PROTOCOL §12.6). */
export const TOKEN: OptionFormat<string> = {
  parse: (text) => (/^[\u0021-\u002B\u002D-\u007E]{1,256}$/.test(text) ? text : undefined),
  allowed: 'the token of one lease, which "tidings topics lease" has printed',
  secret: true,
};

export const SIZE: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : parseSize(text)),
  allowed: 'a number with the unit B, kB, MB, GB, KiB, MiB or GiB, such as 500MB, or "none"',
};

export const COUNT: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : parseInteger(text, 1, Number.MAX_SAFE_INTEGER)),
  allowed: 'a whole number from 1, or "none"',
};

export const LIMIT: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 1, Number.MAX_SAFE_INTEGER),
  allowed: 'a whole number from 1',
};

export const LAST: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 0, MAX_LAST),
  allowed: `a whole number from 0 to ${MAX_LAST}`,
};

/** The key of a hub. No hub has a shorter one, and no token is shorter. */
export const KEY: OptionFormat<string> = {
  parse: (text) => (/^[\u0021-\u007E]{16,}$/.test(text) ? text : undefined),
  allowed: '16 or more printable ASCII characters without spaces',
  secret: true,
};

/** A secret that the hub shares with who makes tokens. */
export const SECRET: OptionFormat<string> = {
  parse: (text) => (Buffer.byteLength(text) >= 32 ? text : undefined),
  allowed: '32 bytes or more (48 for HS384, 64 for HS512)',
  secret: true,
};

/** The hub checks the names. */
export const ALGORITHM_LIST: OptionFormat<readonly string[]> = {
  isCommaList: true,
  parse: (text) => (/^[\w]+(\s*,\s*[\w]+)*$/.test(text) ? text.split(/\s*,\s*/) : undefined),
  allowed: 'names with commas between them, such as RS256,ES256',
};

export const HTTP_URL: OptionFormat<string> = {
  parse: (text) => (/^https?:\/\/./i.test(text) && URL.canParse(text) && !hasUser(text) ? text : undefined),
  allowed: 'an absolute URL of http or https without a user and a password',
};

/** How long a token is good for. */
export const TOKEN_LIFE: OptionFormat<number> = {
  parse: (text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms >= 1000 && ms <= MAX_TTL_MS ? ms : undefined;
  },
  allowed: `${DURATION_FORM}, from 1s to ${formatDuration(MAX_TTL_MS)}`,
};

/** What names the sender, the issuer and the id of a token (PROTOCOL §15.5). */
export const TOKEN_NAME: OptionFormat<string> = {
  parse: (text) => (text !== '' && text.length <= 512 ? text : undefined),
  allowed: 'a text of 1 to 512 characters',
};

export const ALGORITHM: OptionFormat<string> = {
  parse: (text) => (/^(?:[HRP]S(?:256|384|512)|ES(?:256|384|512)|EdDSA)$/.test(text) ? text : undefined),
  allowed: 'the name of an algorithm such as HS256, RS256, PS256, ES256 or EdDSA',
};

/** How far two clocks may differ. */
export const TOLERANCE: OptionFormat<number> = {
  parse: (text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms <= 300_000 ? ms : undefined;
  },
  allowed: `${DURATION_FORM}, up to 5m`,
};

export const FILE: OptionFormat<string> = { parse: notEmpty, allowed: 'the path of a file' };

export const TEXT_VALUE: OptionFormat<string> = { parse: notEmpty, allowed: 'a text' };

export const FOLDER: OptionFormat<string> = { parse: notEmpty, allowed: 'the path of a folder' };

export const HOST: OptionFormat<string> = { parse: notEmpty, allowed: 'a host name or an IP address' };

/** What one line of an event stream can hold. The hub refuses what else it does not take. */
export const LINE: OptionFormat<string> = {
  parse: (text) => (/[\0\r\n]/.test(text) ? undefined : text),
  allowed: 'a text without line ends and NUL',
};

export const ORIGIN: OptionFormat<string> = {
  parse: (text) => (URL.canParse(text) && new URL(text).origin === text ? text : undefined),
  allowed: 'a scheme, a host and if needed a port, such as https://example.com',
};

export const PUBLIC_URL: OptionFormat<string> = {
  parse: (text) => (isPlainUrl(text) ? text : undefined),
  allowed:
    'an absolute URL of http or https without a user, a password and a query, such as https://example.com/events/',
};

/** A list with commas between its entries. The hub checks the entries. */
export const PROXIES: OptionFormat<readonly string[]> = {
  isCommaList: true,
  parse: (text) => (/^[^\s,]+(\s*,\s*[^\s,]+)*$/.test(text) ? text.split(/\s*,\s*/) : undefined),
  allowed: 'addresses or networks with commas between them, such as 10.0.0.0/8,::1',
};

export const TEXT: OptionFormat<string> = { parse: (text) => text, allowed: 'a text' };

function atLeastOne(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

function notEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** What options were given, and which of them are lists or secrets. */
const texts = new WeakMap<Option, string[]>();
const lists = new WeakSet<Option>();
const secrets = new WeakSet<Option>();
const commaLists = new WeakSet<Option>();

/** An option with one value. */
export function option<T>(flags: string, description: string, format: OptionFormat<T>): Option {
  const made = new Option(flags, description);
  if (format.secret === true) secrets.add(made);
  if (format.isCommaList === true) commaLists.add(made);
  return made.argParser((text: string) => {
    texts.set(made, [text]);
    return parseValue(`--${made.name()}`, text, format);
  });
}

/** An option that may be given several times. Its value is a list. */
export function listOption<T>(flags: string, description: string, format: OptionFormat<T>): Option {
  const made = new Option(flags, `${description} (repeatable)`);
  if (format.secret === true) secrets.add(made);
  return asList(made, (text) => parseValue(`--${made.name()}`, text, format));
}

/** Makes an option one that may be given several times. */
export function asList(made: Option, parse: (text: string) => unknown): Option {
  lists.add(made);
  return made.argParser((text: string, earlier: readonly unknown[] | undefined) => {
    texts.set(made, [...(earlier === undefined ? [] : textsOf(made)), text]);
    return [...(earlier ?? []), parse(text)];
  });
}

/** What options mean that are not given, where that depends on others. */
const unset = new WeakMap<Option, (options: Readonly<Record<string, unknown>>) => string | undefined>();

/** Says what an option means that is not given, as it would be written; undefined where it means nothing. @param text gets the values of all options */
export function meaning(
  made: Option,
  text: (options: Readonly<Record<string, unknown>>) => string | undefined,
): Option {
  unset.set(made, text);
  return made;
}

/** What an option means that is not given, by the values of the others. */
export function unsetText(made: Option, options: Readonly<Record<string, unknown>>): string | undefined {
  return unset.get(made)?.(options);
}

/** The texts that an option was given last. */
export function textsOf(made: Option): readonly string[] {
  return texts.get(made) ?? [];
}

export function isList(made: Option): boolean {
  return lists.has(made);
}

/** Whether its one value is a list with commas between its entries. */
export function isCommaList(made: Option): boolean {
  return commaLists.has(made);
}

/** Whether its value may not be shown. */
export function isSecret(made: Option): boolean {
  return secrets.has(made);
}

/** An option whose value is one of a few words. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const allowed = `one of ${choices.join(', ')}`;
  const format = { parse: (text: string) => choices.find((choice) => choice === text), allowed };
  return option(flags, `${description}: ${choices.join(', ')}`, format);
}

/** @throws {CliError} `ERR_USAGE` */
export function parseValue<T>(name: string, text: string, { parse, allowed, secret = false }: OptionFormat<T>): T {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new CliError(
    'ERR_USAGE',
    `${name} is ${secret || hasUser(text) ? lengthOf(text) : JSON.stringify(text)}, but must be ${allowed}`,
  );
}

/** What may be told of a secret. */
function lengthOf(text: string): string {
  return text === '' ? 'empty' : `${formatCount(text.length, 'character')} long`;
}

/** Whether a text is a URL with a user or a password, which nobody else may see. */
function hasUser(text: string): boolean {
  if (!URL.canParse(text)) return /^\w+:\/\/[^/]*@/.test(text);
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && !(search || hash || username || password);
}
