import { ServerError } from '../errors.ts';
import { Matcher, type Meter } from './pattern/machine.ts';
import { parseParts } from './pattern/parts.ts';
import {
  type Component,
  COMPONENTS,
  type Dialect,
  inherit,
  splitPattern,
  type Token,
  tokenize,
} from './pattern/syntax.ts';

/**
 * A pattern of topics, as data: a URL pattern [WHATWG URL Pattern] without regular expressions. Each process that selects events
 * compiles it.
 */
export interface TopicPattern {
  /** The pattern: at most 1,024 characters. A relative one is completed from `base`. @example 'sensors/:room' */
  readonly pattern: string;
  /** The absolute URL against which the pattern and every topic are resolved. @example 'https://example.com/topics/' */
  readonly base: string;
}

// Patterns come from untrusted clients. A topic is matched in time that grows with its length times the size of the pattern. These keep the
// worst pattern on the longest topic at a few milliseconds, and all patterns of one listener together as well.
const MAX_LENGTH = 1024;
const MAX_STATES = 4096;
const MAX_COST = 4096;

// What it costs to find the parts of a topic's URL, in the steps of a meter.
export const RESOLVE_STEPS = 2048;

const SPECIAL = ['http', 'https', 'ws', 'wss', 'ftp'];
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', ws: '80', https: '443', wss: '443', ftp: '21' };
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Compiles a pattern to a test of topics, which returns what `new URLPattern(pattern, base).test(topic, base)` returns, in time that grows
 * with the topic's length times the pattern's size. A topic that is no URL, even with the base, matches no pattern.
 * @throws {ServerError} `ERR_INVALID_PATTERN` if it is no URL pattern, has a regular expression group, is too long, or has text that
 * implementations of the standard read differently
 */
export function compilePattern(pattern: TopicPattern): (topic: string) => boolean {
  const compiled = CompiledPattern.of(pattern);
  return (topic) => compiled.test(topic);
}

/**
 * Compiles patterns to one test, which is true for the topics that any of them matches. A topic is resolved once for each base.
 * @throws {ServerError} `ERR_INVALID_PATTERN` as of {@link compilePattern}, and if the patterns together take too many steps
 */
export function compilePatterns(patterns: readonly TopicPattern[]): (topic: string) => boolean {
  const compiled = new CompiledPatterns(patterns);
  return (topic) => compiled.test(topic);
}

/** Compiled patterns, whose tests can be metered. */
export class CompiledPatterns {
  readonly #all: CompiledPattern[] = [];
  #cost = 0;

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor(patterns: readonly TopicPattern[]) {
    for (const pattern of patterns) this.add(pattern);
  }

  get all(): readonly CompiledPattern[] {
    return this.#all;
  }

  /** Compiles one more pattern. @throws {ServerError} `ERR_INVALID_PATTERN`, also if it costs too much together with the ones before it */
  add(pattern: TopicPattern): void {
    const compiled = CompiledPattern.of(pattern);
    this.#all.push(compiled);
    this.#cost += compiled.cost;
    if (this.#cost <= MAX_COST) return;
    const found = `for each character of a topic the first ${this.#all.length} of them may take ${this.#cost} steps`;
    throw new ServerError(
      'ERR_INVALID_PATTERN',
      `The URL patterns are not allowed together: ${found}; at most ${MAX_COST} are allowed`,
    );
  }

  test(topic: string, meter?: Meter): boolean {
    if (meter) meter.steps += RESOLVE_STEPS;
    return this.#all.some((pattern) => pattern.test(topic, meter));
  }
}

type Address = Readonly<Record<Component, string>>;

/** A compiled pattern, whose tests can be metered. */
export class CompiledPattern {
  /** How large the pattern is, once compiled. */
  readonly states: number;
  /** How many steps a character of a topic may take. */
  readonly cost: number;
  readonly base: string;
  /** The text with which the path of every topic begins that it matches. */
  readonly start: string;
  readonly #matchers: readonly { readonly component: Component; readonly matcher: Matcher }[];

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor({ pattern, base }: TopicPattern) {
    this.base = base;
    const matchers = compile(pattern, base);
    this.states = matchers.reduce((states, { matcher }) => states + matcher.states, 0);
    this.cost = matchers.reduce((cost, { matcher }) => cost + (matcher.matchesAll ? 0 : matcher.cost), 0);
    if (this.states > MAX_STATES) {
      throw refusal(pattern, `it has ${this.states} states when compiled; at most ${MAX_STATES} are allowed`);
    }
    this.start = matchers.find(({ component }) => component === 'pathname')?.matcher.start ?? '';
    // The path tells most topics apart
    const order = (component: Component): number => (component === 'pathname' ? 0 : 1);
    this.#matchers = matchers
      .filter(({ matcher }) => !matcher.matchesAll)
      .toSorted((a, b) => order(a.component) - order(b.component));
  }

  /** The compiled form of a pattern, made once for each object. @throws {ServerError} `ERR_INVALID_PATTERN` */
  static of(pattern: TopicPattern): CompiledPattern {
    let known = compiledPatterns.get(pattern);
    if (!known) compiledPatterns.set(pattern, (known = new CompiledPattern(pattern)));
    return known;
  }

  test(topic: string, meter?: Meter): boolean {
    const address = addressOf(topic, this.base);
    return (
      address !== undefined && this.#matchers.every(({ component, matcher }) => matcher.test(address[component], meter))
    );
  }
}

const compiledPatterns = new WeakMap<TopicPattern, CompiledPattern>();

let last: { readonly topic: string; readonly base: string; readonly address: Address | undefined } | undefined;

/** The components of the topic's URL. The last topic is remembered, because several patterns test it one after the other. */
export function addressOf(topic: string, base: string): Address | undefined {
  if (last?.topic !== topic || last.base !== base) last = { topic, base, address: resolve(topic, base) };
  return last.address;
}

function resolve(topic: string, base: string): Address | undefined {
  let url: URL;
  try {
    url = new URL(topic, base);
  } catch {
    return undefined;
  }
  const { protocol, username, password, hostname, port, pathname, search, hash } = url;
  return {
    protocol: protocol.slice(0, -1),
    username,
    password,
    hostname,
    port,
    pathname,
    search: search.slice(1),
    hash: hash.slice(1),
  };
}

function compile(pattern: string, base: string): { readonly component: Component; readonly matcher: Matcher }[] {
  if (pattern.length > MAX_LENGTH) {
    const found = `it is ${pattern.length} characters long`;
    throw refusal(`${pattern.slice(0, 64)}…`, `${found}; at most ${MAX_LENGTH} are allowed`);
  }
  if (!URL.canParse(base)) throw refusal(pattern, `its base ${JSON.stringify(base)} is no absolute URL`);
  try {
    if (CONTROL.test(pattern)) throw new SyntaxError('it has a control character, and none is allowed');
    const written = inherit(splitPattern(tokenize(pattern.toWellFormed()), isSpecial), new URL(base));
    const protocol = compileProtocol(written.protocol ?? []);
    const special = isSpecialProtocol(protocol);
    const port = written.port ?? [];
    if (rawText(port) !== undefined && rawText(port) === DEFAULT_PORTS[rawText(written.protocol ?? []) ?? '']) {
      written.port = [];
    }
    return COMPONENTS.flatMap((component) => {
      const tokens = written[component];
      if (tokens === undefined) return [];
      return { component, matcher: matcherOf(tokens, dialectOf(component, tokens, special)) };
    });
  } catch (error) {
    if (error instanceof SyntaxError) throw refusal(pattern, error.message, error);
    throw error;
  }
}

function dialectOf(component: Component, [first, second]: readonly Token[], special: boolean): Dialect {
  const dialect: Dialect = { component, delimiter: '', prefix: '', variant: undefined };
  if (component === 'pathname') {
    return special ? { ...dialect, delimiter: '/', prefix: '/' } : { ...dialect, variant: 'opaque' };
  }
  if (component !== 'hostname') return dialect;
  if (first?.kind === 'open' && second?.kind === 'text' && second.value === '[') {
    throw new SyntaxError('its host begins with a group that begins with "["; write an IPv6 address without the group');
  }
  const ipv6 = first?.value === '[' && (first.kind === 'escaped' || second !== undefined);
  return { ...dialect, delimiter: '.', variant: ipv6 ? 'ipv6' : undefined };
}

function matcherOf(tokens: readonly Token[], dialect: Dialect): Matcher {
  return new Matcher(parseParts(tokens, dialect), dialect);
}

function compileProtocol(tokens: readonly Token[]): Matcher {
  return matcherOf(tokens, dialectOf('protocol', tokens, false));
}

function isSpecial(protocol: readonly Token[]): boolean {
  return isSpecialProtocol(compileProtocol(protocol));
}

function isSpecialProtocol(protocol: Matcher): boolean {
  const special = SPECIAL.some((scheme) => protocol.test(scheme));
  if (!special && protocol.test('file')) {
    throw new SyntaxError('its protocol is "file", which implementations read differently; all others are allowed');
  }
  return special;
}

/** The text as it was written, if it has neither escapes nor wildcards. */
function rawText(tokens: readonly Token[]): string | undefined {
  return tokens.every((token) => token.kind === 'text') ? tokens.map((token) => token.value).join('') : undefined;
}

function refusal(pattern: string, why: string, cause?: unknown): ServerError {
  const options = cause === undefined ? undefined : { cause };
  return new ServerError(
    'ERR_INVALID_PATTERN',
    `The URL pattern ${JSON.stringify(pattern)} is not allowed: ${why}`,
    options,
  );
}
