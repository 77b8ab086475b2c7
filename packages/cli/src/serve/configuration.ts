import { readFileSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { isCommaList, isList, isSecret, textsOf, unsetText } from '../command-line/option.ts';
import { meant } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';
import { visible } from '../terminal/output.ts';
import { formatCount } from '../terminal/quantity.ts';
import { checkEnvironment, environmentName, fromEnvironment } from './environment.ts';
import { type GivenIssuer, maskedIssuers, maskedText, readIssuers } from './issuers.ts';
import { LIMIT_NAMES, limitOption, limitText } from './limits.ts';

/** Names the file, so that a file does not have it. */
const CONFIG = 'config';

/** Options that say how the command is to be run once, so that neither the environment nor a file has them. */
const ONCE: ReadonlySet<string> = new Set(['check', 'print-config']);

/** What a file has together under one name: limits, each of which is an option, too, and issuers of tokens, which have parts that no option has. */
const LIMITS = 'limits';
const ISSUERS = 'issuers';

const FROM_FILE = `--${CONFIG}`;

/** A value in a file. */
interface Found {
  /** How an error names it. */
  readonly label: string;
  readonly value: unknown;
}

/** Where a value comes from that is not on the command line. */
interface Source {
  /** As in the sources of commander. */
  readonly kind: 'env' | 'config';
  /** How an error names it. */
  readonly label: string;
}

/** Where options of a command have their values that are not on its command line: how an error names them, by the names of the options. */
const places = new WeakMap<Command, Map<string, string>>();

/** An error whose message names options as who configured the command has written them: by a variable, or by their place in a file. */
export function namedByPlace(command: Command, error: unknown): unknown {
  const labels = places.get(command);
  if (!(error instanceof CliError) || !labels) return error;
  const message = error.message.replaceAll(/--([a-z][a-z-]*[a-z])/g, (flag, name: string) => labels.get(name) ?? flag);
  return message === error.message ? error : new CliError(error.code, message, { cause: error });
}

/**
 * Fills in the options of a command that are not on its command line: from the environment (`TIDINGS_RETAIN_AGE` for `--retain-age`), else from a file in YAML or JSON, which
 * `--config` names or the environment. All three have the same names, forms and bounds. The issuers of tokens in the file become a value of their own, `issuers`.
 * @throws {CliError} `ERR_USAGE`, which names the source, what was found and what is allowed
 */
export async function configure(command: Command): Promise<void> {
  const settings = settingsOf(command);
  const labels = new Map<string, string>();
  places.set(command, labels);
  const config = command.options.filter((option) => option.name() === CONFIG);
  checkEnvironment([...settings, ...config]);
  for (const option of config) fillIn(command, option, labels);
  const file = command.getOptionValue(CONFIG) as string | undefined;
  const values = file === undefined ? new Map<string, Found>() : await readFile(file, settings);
  for (const option of settings) {
    if (fillIn(command, option, labels)) continue;
    const found = values.get(option.name());
    if (!found) continue;
    labels.set(option.name(), found.label);
    set(command, option, { kind: 'config', label: found.label }, textsIn(found.label, option, found.value));
  }
  const issuers = values.get(ISSUERS);
  if (issuers) command.setOptionValueWithSource(ISSUERS, readIssuers(file ?? '', issuers.value), 'config');
}

/** Fills in an option from the environment, unless it is on the command line. Returns whether it has its value. @throws {CliError} `ERR_USAGE` */
function fillIn(command: Command, option: Option, labels: Map<string, string>): boolean {
  if (command.getOptionValueSource(option.attributeName()) === 'cli') return true;
  const text = fromEnvironment(option);
  if (text === undefined) return false;
  const label = environmentName(option);
  labels.set(option.name(), label);
  const texts = isList(option) ? text.trim().split(/\s+/) : [text];
  set(command, option, { kind: 'env', label }, option.required ? texts : [flagOf(label, text)]);
  return true;
}

/** What a command runs with, as a file that could be given to it, and where each value comes from. It shows no secret. */
export function configurationText(command: Command): string {
  const lines = settingsOf(command).flatMap((option) => {
    const source = command.getOptionValueSource(option.attributeName());
    const unset = source === undefined ? unsetText(option, command.opts()) : undefined;
    if (source === undefined && unset === undefined) return [];
    const texts = unset !== undefined ? [unset] : source === 'default' ? [defaultOf(option)] : textsOf(option);
    const written = texts.map((text) => JSON.stringify(isSecret(option) ? '********' : maskedText(text)));
    const value = isList(option) ? `[${written.join(', ')}]` : written.join('');
    // One without a value is there because it is on.
    return [lineOf(option.name(), option.required ? value : 'true', describeSource(source, option))];
  });
  const issuers = command.getOptionValue(ISSUERS) as readonly GivenIssuer[] | undefined;
  if (issuers) lines.push(lineOf(ISSUERS, JSON.stringify(maskedIssuers(issuers)), FROM_FILE));
  return lines.join('');
}

function lineOf(name: string, value: string, source: string): string {
  return `${`${name}: ${value}`.padEnd(48)} # ${source}\n`;
}

function describeSource(source: string | undefined, option: Option): string {
  if (source === 'env') return environmentName(option);
  if (source === 'config') return FROM_FILE;
  return source === 'cli' ? `--${option.name()}` : 'default';
}

/** A default as it would be written. */
function defaultOf({ defaultValue, defaultValueDescription }: Option): string {
  const text: unknown = defaultValueDescription ?? defaultValue;
  return typeof text === 'string' ? text : JSON.stringify(text);
}

function settingsOf({ options }: Command): readonly Option[] {
  return options.filter((option) => option.name() !== CONFIG && !ONCE.has(option.name()));
}

/** Gives an option its value, as if its texts were on the command line. @throws {CliError} `ERR_USAGE` */
function set(command: Command, option: Option, { kind, label }: Source, texts: readonly (string | boolean)[]): void {
  let value: unknown;
  for (const text of texts) {
    if (typeof text === 'boolean') {
      if (!text) return;
      value = true;
      continue;
    }
    try {
      value = option.parseArg ? option.parseArg(text, value as never) : text;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      throw new CliError(error.code, error.message.replaceAll(`--${option.name()} `, `${label} `), { cause: error });
    }
  }
  command.setOptionValueWithSource(option.attributeName(), value, kind);
}

function flagOf(label: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new CliError('ERR_USAGE', `${label} is ${JSON.stringify(text)}, but must be true or false`);
}

/** What a file has for an option, as it would be written on the command line. @throws {CliError} `ERR_USAGE` */
function textsIn(label: string, option: Option, value: unknown): readonly (string | boolean)[] {
  const wrong = (allowed: string): CliError =>
    // Not what it is: it may be a secret.
    new CliError(
      'ERR_USAGE',
      `${label} is ${isSecret(option) ? 'of another kind' : shown(value)}, but must be ${allowed}`,
    );
  if (!option.required) {
    if (typeof value === 'boolean') return [value];
    throw wrong('true or false');
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && !isList(option) && !isCommaList(option)) throw wrong('one value');
  if (list.length === 0) throw wrong('one or more values');
  const texts = list.map((each) => {
    if (typeof each === 'string') return each;
    if (typeof each === 'number') {
      if (!isSecret(option) && Math.abs(each) <= Number.MAX_SAFE_INTEGER) return String(each);
      throw new CliError(
        'ERR_USAGE',
        `${label} is a number, which need not have the digits that are written, but must be a text: put it in quotes`,
      );
    }
    throw wrong(
      isList(option) || isCommaList(option)
        ? `a text or a list of texts, such as ["${valueOf(option)}"]`
        : 'a text or a number',
    );
  });
  // As on the command line, where they are one text.
  return isCommaList(option) ? [texts.join(',')] : texts;
}

/** What an option takes, in a word of its help. */
function valueOf({ flags }: Option): string {
  return flags.slice(flags.indexOf('<') + 1, -1);
}

/** Reads the names and values of a file. @throws {CliError} `ERR_USAGE` */
async function readFile(file: string, settings: readonly Option[]): Promise<ReadonlyMap<string, Found>> {
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    throw new CliError(
      'ERR_USAGE',
      `--config is ${JSON.stringify(file)}, which cannot be read: ${whyUnreadable(error)}`,
    );
  }
  if (content === null || content === undefined) return new Map();
  if (!isObject(content)) {
    throw new CliError(
      'ERR_USAGE',
      `--config is ${JSON.stringify(file)}, which has ${kindOf(content)}, but must have names with values, such as "port: 4000"`,
    );
  }
  const names = [...settings.map((option) => option.name()), LIMITS, ISSUERS];
  // The others are limits, of which there are many.
  const told = names.filter((name) => !settings.some((option) => option.name() === name && option.hidden));
  const values = new Map<string, Found>();
  for (const [name, value] of Object.entries(content)) {
    if (!names.includes(name)) throw unknownName(file, name, names, told);
    if (name !== LIMITS) values.set(name, { label: `${name} in ${file}`, value });
  }
  for (const [name, found] of limitsIn(file, content[LIMITS])) {
    const other = values.get(name);
    if (other)
      throw new CliError('ERR_USAGE', `${found.label} means the same as ${other.label}: leave one of them out`);
    values.set(name, found);
  }
  return values;
}

/** What a file has as its limits, by the names of their options. @throws {CliError} `ERR_USAGE` */
function limitsIn(file: string, limits: unknown): readonly (readonly [string, Found])[] {
  if (limits === undefined) return [];
  if (!isObject(limits)) {
    throw new CliError(
      'ERR_USAGE',
      `${LIMITS} in ${file} is ${kindOf(limits)}, but must have names with values, such as "maxListeners: 1000"`,
    );
  }
  return Object.entries(limits).map(([name, value]) => {
    if (!LIMIT_NAMES.includes(name)) throw unknownName(`${LIMITS} in ${file}`, name, LIMIT_NAMES);
    return [limitOption(name), { label: `${LIMITS}.${name} in ${file}`, value: limitText(name, value) }];
  });
}

function unknownName(where: string, name: string, known: readonly string[], told = known): CliError {
  return new CliError(
    'ERR_USAGE',
    `${where} has ${JSON.stringify(visible(name))}, which is no setting; allowed are ${told.join(', ')}${meant(name, known)}`,
  );
}

/** Why a file is no configuration. A parser shows what it has found, which may be a secret: of its errors only the kind and the place are told. */
function whyUnreadable(error: unknown): string {
  if (!(error instanceof Error)) return 'it is no YAML';
  if ('syscall' in error) return error.message;
  const { code, linePos } = error as {
    readonly code?: unknown;
    readonly linePos?: readonly { line: number; col: number }[];
  };
  const kind = typeof code === 'string' ? ` (${code.toLowerCase().replaceAll('_', ' ')})` : '';
  const [at] = linePos ?? [];
  return `it is no YAML without aliases${kind}${at ? `, at line ${at.line}, column ${at.col}` : ''}`;
}

/** What kind of value is found, and how long it is. It may be a secret: the file may be another one than was meant. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return `a text of ${formatCount(value.length, 'character')}`;
  return Array.isArray(value)
    ? `a list of ${formatCount(value.length, 'value')}`
    : `a value of the type ${typeof value}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
