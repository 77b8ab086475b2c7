import type { TokenIssuerOptions, TokenKeyOptions } from '@tidings/hub';
import {
  ALGORITHM,
  FILE,
  HTTP_URL,
  type OptionFormat,
  parseValue,
  SECRET,
  TEXT_VALUE,
} from '../command-line/option.ts';
import { meant } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';
import { visible } from '../terminal/output.ts';
import { readText } from '../command-line/read-text.ts';

/** Where a key of tokens is: one text by one of these names. */
export interface GivenKey {
  readonly name: 'secret' | 'text' | 'url' | 'file';
  readonly value: string;
  /** How an error names it. */
  readonly label: string;
}

/** An issuer of tokens as a file has it, with the names of the hub's options. */
export interface GivenIssuer {
  readonly issuer?: string;
  readonly audience?: readonly string[];
  readonly algorithms?: readonly string[];
  readonly keys: readonly GivenKey[];
}

const ISSUER_NAMES = ['issuer', 'audience', 'algorithms', 'keys'] as const;

/** The text of keys, which may have a secret in it. */
const KEY_TEXT: OptionFormat<string> = {
  ...TEXT_VALUE,
  allowed: 'public keys or certificates in PEM, a JWK or a JWKS',
  secret: true,
};

const KEYS: Readonly<Record<GivenKey['name'], OptionFormat<string>>> = {
  secret: SECRET,
  text: KEY_TEXT,
  url: HTTP_URL,
  file: FILE,
};

const KEY_NAMES = Object.keys(KEYS) as readonly GivenKey['name'][];

/** Reads the issuers in a file. @throws {CliError} `ERR_USAGE`, which shows no secret */
export function readIssuers(file: string, value: unknown): readonly GivenIssuer[] {
  const issuers = listIn(`issuers in ${file}`, value, 'a list of one or more issuers').map((each, index) =>
    readIssuer(file, `issuers[${index}]`, each),
  );
  const names = issuers.map(({ issuer }) => issuer);
  for (const [index, name] of names.entries()) {
    if (name === undefined && names.length > 1) {
      throw mistake(
        `issuers[${index}] in ${file} has no issuer, but each of several must have one: a key checks the tokens of its own issuer alone`,
      );
    }
    if (names.indexOf(name) < index) {
      throw mistake(
        `issuers[${index}].issuer in ${file} is ${JSON.stringify(name)}, but must be another one than those before it`,
      );
    }
  }
  return issuers;
}

/** A value as it may be shown: what the query of a URL has may be a key of the server there. */
export function maskedText(text: string): string {
  return text.replace(/^(https?:[^?]*\?).+$/s, '$1********');
}

/** The issuers as a file would have them, without secrets. */
export function maskedIssuers(issuers: readonly GivenIssuer[]): unknown {
  return issuers.map(({ keys, ...rest }) => ({
    ...rest,
    keys: keys.map(({ name, value }) => ({ [name]: KEYS[name].secret === true ? '********' : maskedText(value) })),
  }));
}

/** The issuers as the hub takes them. Reads keys from their files. @throws {CliError} `ERR_USAGE` */
export function issuerOptions(issuers: readonly GivenIssuer[]): readonly TokenIssuerOptions[] {
  return issuers.map(({ keys, ...rest }) => ({
    ...rest,
    keys: keys.map(({ name, value, label }): TokenKeyOptions =>
      name === 'file' ? { text: readText(label, value) } : { [name]: value },
    ),
  }));
}

function readIssuer(file: string, at: string, value: unknown): GivenIssuer {
  const members = membersOf(`${at} in ${file}`, value, ISSUER_NAMES);
  const texts = (name: string, format: OptionFormat<string>): readonly string[] => {
    const label = `${at}.${name} in ${file}`;
    const found = members.get(name);
    const list = Array.isArray(found) ? listIn(label, found, 'one or more values') : [found];
    return list.map((each) => textIn(label, each, format));
  };
  const keys = listIn(
    `${at}.keys in ${file}`,
    members.get('keys'),
    'a list of one or more keys, such as { file: issuer.pem }',
  );
  return {
    ...(members.has('issuer') ? { issuer: textIn(`${at}.issuer in ${file}`, members.get('issuer'), TEXT_VALUE) } : {}),
    ...(members.has('audience') ? { audience: texts('audience', TEXT_VALUE) } : {}),
    ...(members.has('algorithms') ? { algorithms: texts('algorithms', ALGORITHM) } : {}),
    keys: keys.map((each, index) => readKey(file, `${at}.keys[${index}]`, each)),
  };
}

function readKey(file: string, at: string, value: unknown): GivenKey {
  const members = membersOf(`${at} in ${file}`, value, KEY_NAMES);
  const [name, ...others] = KEY_NAMES.filter((each) => members.has(each));
  if (name === undefined || others.length > 0) {
    const found = name === undefined ? 'nothing' : [name, ...others].join(' and ');
    throw mistake(`${at} in ${file} has ${found}, but must have one of ${KEY_NAMES.join(', ')}`);
  }
  const label = `${at}.${name} in ${file}`;
  return { name, value: textIn(label, members.get(name), KEYS[name]), label };
}

/** The members of an object in a file. */
function membersOf(label: string, value: unknown, allowed: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mistake(`${label} is ${kindOf(value)}, but must have any of ${allowed.join(', ')}`);
  }
  const members = new Map(Object.entries(value));
  for (const name of members.keys()) {
    if (allowed.includes(name)) continue;
    throw mistake(
      `${label} has ${JSON.stringify(visible(name))}, which is no setting; allowed are ${allowed.join(', ')}${meant(name, allowed)}`,
    );
  }
  return members;
}

function listIn(label: string, value: unknown, allowed: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw mistake(`${label} is ${Array.isArray(value) ? 'empty' : kindOf(value)}, but must be ${allowed}`);
}

function textIn(label: string, value: unknown, format: OptionFormat<string>): string {
  if (typeof value === 'string') return parseValue(label, value, format);
  throw mistake(`${label} is ${kindOf(value)}, but must be ${format.allowed}`);
}

/** What kind of value is found, and not which: it may be a secret in a wrong place. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'missing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

function mistake(message: string): CliError {
  return new CliError('ERR_USAGE', message);
}
