import { Option } from 'commander';
import { CliError } from '../errors.ts';
import { formatCount, parseDuration, parseInteger, parseSize } from '../terminal/quantity.ts';

/** How the text of an option becomes its value. */
export interface OptionFormat<T> {
  /** Undefined where the text is not allowed. */
  readonly parse: (text: string) => T | undefined;
  /** Completes the sentence "the option must be …". */
  readonly allowed: string;
  /** Whether an error tells only the length of what was given. @default false */
  readonly secret?: boolean;
}

/** The word that stands for "without a limit", whose value is Infinity because commander knows no option without a value. */
const NONE = 'none';

/** The most events that `--last` may ask for (PROTOCOL §5.2). */
const MAX_LAST = 10_000;

const MAX_PORT = 65_535;

export const PORT: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 0, MAX_PORT),
  allowed: `a number from 0 to ${MAX_PORT}`,
};

export const AGE: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : parseDuration(text)),
  allowed: 'a number with the unit ms, s, m, h, d or w, such as 12h, or "none"',
};

export const TTL: OptionFormat<number> = {
  parse: parseDuration,
  allowed: 'a number with the unit ms, s, m, h, d or w, such as 24h',
};

export const SIZE: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : parseSize(text)),
  allowed: 'a number with the unit B, kB, MB, GB, KiB, MiB or GiB, such as 500MB, or "none"',
};

export const COUNT: OptionFormat<number> = {
  parse: (text) => (text === NONE ? Infinity : parseInteger(text, 1, Number.MAX_SAFE_INTEGER)),
  allowed: 'a whole number from 1, or "none"',
};

export const LAST: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 0, MAX_LAST),
  allowed: `a whole number from 0 to ${MAX_LAST}`,
};

/** The key of a hub that another command runs. That hub decides how long its key has to be, so only what a header can carry is checked. */
export const SENT_KEY: OptionFormat<string> = {
  parse: (text) => (/^[\u0021-\u007E]+$/.test(text) ? text : undefined),
  allowed: 'one or more printable ASCII characters without spaces',
  secret: true,
};

/** The key of the hub that the command runs. */
export const KEY: OptionFormat<string> = {
  parse: (text) => (/^[\u0021-\u007E]{16,}$/.test(text) ? text : undefined),
  allowed: '16 or more printable ASCII characters without spaces',
  secret: true,
};

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
  allowed: 'an absolute URL of http or https without a query, such as https://example.com/events/',
};

/** A list with commas between its entries. The hub checks the entries. */
export const PROXIES: OptionFormat<readonly string[]> = {
  parse: (text) => (/^[^\s,]+(\s*,\s*[^\s,]+)*$/.test(text) ? text.split(/\s*,\s*/) : undefined),
  allowed: 'addresses or networks with commas between them, such as 10.0.0.0/8,::1',
};

export const TEXT: OptionFormat<string> = { parse: (text) => text, allowed: 'a text' };

function notEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** An option with one value. */
export function option<T>(flags: string, description: string, format: OptionFormat<T>): Option {
  const made = new Option(flags, description);
  return made.argParser((text: string) => parseValue(`--${made.name()}`, text, format));
}

/** An option that may be given several times. Its value is a list. */
export function listOption<T>(flags: string, description: string, format: OptionFormat<T>): Option {
  const made = new Option(flags, `${description} (repeatable)`);
  return made.argParser((text: string, earlier: readonly T[] | undefined) => [
    ...(earlier ?? []),
    parseValue(`--${made.name()}`, text, format),
  ]);
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
    `${name} is ${secret ? lengthOf(text) : JSON.stringify(text)}, but must be ${allowed}`,
  );
}

/** What may be told of a secret. */
function lengthOf(text: string): string {
  return text === '' ? 'empty' : `${formatCount(text.length, 'character')} long`;
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && !(search || hash || username || password);
}
