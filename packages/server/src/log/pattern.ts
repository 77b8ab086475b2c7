import { ServerError } from '../errors.ts';
import { Matcher, MAX_STATES, type Meter, type TextTest } from './pattern/machine.ts';
import { parseParts } from './pattern/parts.ts';
import {
  type Base,
  baseOf,
  type Component,
  COMPONENTS,
  type Dialect,
  inherit,
  splitPattern,
  type Token,
  tokenize,
} from './pattern/syntax.ts';
import { chosen, type Texts } from './pattern/texts.ts';
import { pathOnly, TemplateTest, URI_TEMPLATE } from './pattern/template.ts';

export { isTemplate, URI_TEMPLATE } from './pattern/template.ts';

/**
 * A pattern of topics, as data: a URL pattern [WHATWG URL Pattern] without regular expressions. Each process that selects events
 * compiles it.
 */
export interface TopicPattern {
  /** The pattern: at most 1,024 characters. A relative one is completed from `base`. @example 'sensors/:room' */
  readonly pattern: string;
  /**
   * The absolute URL against which the pattern and every topic are resolved. `uri-template:` makes the pattern a URI template (RFC 6570).
   * @example 'https://example.com/topics/'
   */
  readonly base: string;
}

// Patterns come from untrusted clients. A topic is matched in time that grows with its length times the size of the pattern. These keep the
// worst pattern on the longest topic at a few milliseconds, and all patterns of one listener together as well.
const MAX_LENGTH = 1024;
const MAX_COST = 4096;

// What it costs to find the parts of a topic's URL, in the steps of a meter.
export const RESOLVE_STEPS = 2048;

// What a compiled pattern takes in memory beside its text and its machines, in bytes: its objects, its places in indexes and what makes it shared.
const PATTERN_BYTES = 1024;

/** Of a pattern that says nothing of the path. */
const NO_TEXTS = chosen([]);

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
  /** What was compiled: one object for all that have the same text. */
  readonly source: TopicPattern;
  /** What it takes in memory, in bytes. */
  readonly bytes: number;
  /** What the path of every topic has that it matches. */
  readonly texts: Texts;
  readonly #matchers: readonly { readonly component: Component; readonly matcher: TextTest }[];

  /** @throws {ServerError} `ERR_INVALID_PATTERN` */
  constructor(source: TopicPattern) {
    const { pattern, base } = source;
    this.base = base;
    this.source = source;
    const matchers = compile(pattern, base);
    const size = matchers.reduce((bytes, { matcher }) => bytes + matcher.bytes, 0);
    this.bytes = PATTERN_BYTES + 2 * pattern.length + size;
    this.states = matchers.reduce((states, { matcher }) => states + matcher.states, 0);
    this.cost = matchers.reduce((cost, { matcher }) => cost + (matcher.matchesAll ? 0 : matcher.cost), 0);
    if (this.states > MAX_STATES) {
      throw refusal(pattern, `it has ${this.states} states when compiled; at most ${MAX_STATES} are allowed`);
    }
    this.texts = matchers.find(({ component }) => component === 'pathname')?.matcher.texts ?? NO_TEXTS;
    // The path tells most topics apart
    const order = (component: Component): number => (component === 'pathname' ? 0 : 1);
    this.#matchers = matchers
      .filter(({ matcher }) => !matcher.matchesAll)
      .toSorted((a, b) => order(a.component) - order(b.component));
  }

  /** The compiled form of a pattern, made once for each text while it is used. @throws {ServerError} `ERR_INVALID_PATTERN` */
  static of(pattern: TopicPattern): CompiledPattern {
    const known = compiledPatterns.get(pattern);
    if (known) return known;
    checkPattern(pattern);
    const compiled = sharedPattern(pattern) ?? share(new CompiledPattern(pattern));
    compiledPatterns.set(pattern, compiled);
    return compiled;
  }

  test(topic: string, meter?: Meter): boolean {
    const address = addressOf(topic, this.base);
    return (
      address !== undefined && this.#matchers.every(({ component, matcher }) => matcher.test(address[component], meter))
    );
  }
}

/** @throws {ServerError} `ERR_INVALID_PATTERN` for what JavaScript may have in its place */
function checkPattern(source: TopicPattern | null): void {
  const { pattern, base } = source ?? {};
  if (typeof pattern === 'string' && typeof base === 'string') return;
  throw new ServerError(
    'ERR_INVALID_PATTERN',
    `${JSON.stringify(source) ?? typeof source} is neither a topic, which is a string, nor a pattern { pattern, base } of two strings`,
  );
}

const compiledPatterns = new WeakMap<TopicPattern, CompiledPattern>();

/** The compiled patterns that somebody uses, by their base and text: many listeners may have the same. */
const shared = new Map<string, Map<string, WeakRef<CompiledPattern>>>();
const unused = new FinalizationRegistry<TopicPattern>(({ pattern, base }) => {
  const ofBase = shared.get(base);
  // The same text may have been compiled again meanwhile.
  if (!ofBase || ofBase.get(pattern)?.deref()) return;
  ofBase.delete(pattern);
  if (ofBase.size === 0) shared.delete(base);
});

function sharedPattern({ pattern, base }: TopicPattern): CompiledPattern | undefined {
  return shared.get(base)?.get(pattern)?.deref();
}

function share(compiled: CompiledPattern): CompiledPattern {
  const { pattern, base } = compiled.source;
  let ofBase = shared.get(base);
  if (!ofBase) shared.set(base, (ofBase = new Map<string, WeakRef<CompiledPattern>>()));
  ofBase.set(pattern, new WeakRef(compiled));
  // Not its source, which would keep it.
  unused.register(compiled, { pattern, base });
  return compiled;
}

let last: { readonly topic: string; readonly base: string; readonly address: Address | undefined } | undefined;

/** The components of the topic's URL. The last topic is remembered, because several patterns test it one after the other. */
export function addressOf(topic: string, base: string): Address | undefined {
  if (last?.topic !== topic || last.base !== base) last = { topic, base, address: resolve(topic, base) };
  return last.address;
}

function resolve(topic: string, base: string): Address | undefined {
  if (base === URI_TEMPLATE) return pathOnly(topic);
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

function compile(pattern: string, base: string): { readonly component: Component; readonly matcher: TextTest }[] {
  if (pattern.length > MAX_LENGTH) {
    const found = `it is ${pattern.length} characters long`;
    throw refusal(`${pattern.slice(0, 64)}…`, `${found}; at most ${MAX_LENGTH} are allowed`);
  }
  if (base === URI_TEMPLATE) return compileTemplate(pattern);
  const inherited = inheritedFrom(base);
  if (!inherited) throw refusal(pattern, `its base ${JSON.stringify(base)} is no absolute URL`);
  try {
    if (CONTROL.test(pattern)) throw new SyntaxError('it has a control character, and none is allowed');
    const written = inherit(splitPattern(tokenize(pattern.toWellFormed()), isSpecial), inherited);
    const protocol = compileProtocol(written.protocol ?? []);
    const special = isSpecialProtocol(protocol);
    const port = written.port ?? [];
    if (rawText(port) !== undefined && rawText(port) === DEFAULT_PORTS[rawText(written.protocol ?? []) ?? '']) {
      written.port = [];
    }
    return COMPONENTS.flatMap((component) => {
      const tokens = written[component];
      if (tokens === undefined) return [];
      const matcher = inherited.matchers.get(tokens) ?? matcherOf(tokens, dialectOf(component, tokens, special));
      if (tokens === inherited.components.get(component)) inherited.matchers.set(tokens, matcher);
      return { component, matcher };
    });
  } catch (error) {
    if (error instanceof SyntaxError) throw refusal(pattern, error.message, error);
    throw error;
  }
}

/** It tests the whole topic, which stands for the path of its address. */
function compileTemplate(template: string): { readonly component: Component; readonly matcher: TextTest }[] {
  try {
    return [{ component: 'pathname', matcher: new TemplateTest(template) }];
  } catch (error) {
    if (error instanceof SyntaxError) throw refusal(template, error.message, error, 'URI template');
    throw error;
  }
}

/** A base, and the matchers of the components that patterns inherit from it. */
interface Inherited extends Base {
  readonly matchers: Map<readonly Token[], Matcher>;
}

let lastBase: { readonly base: string; readonly inherited: Inherited | undefined } | undefined;

/** What patterns inherit from a base, or undefined if it is no URL. The last base is remembered, because most patterns have the same. */
function inheritedFrom(base: string): Inherited | undefined {
  if (lastBase?.base !== base) {
    const inherited = URL.canParse(base) ? { ...baseOf(new URL(base)), matchers: new Map() } : undefined;
    lastBase = { base, inherited };
  }
  return lastBase.inherited;
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

function refusal(pattern: string, why: string, cause?: unknown, kind = 'URL pattern'): ServerError {
  const options = cause === undefined ? undefined : { cause };
  return new ServerError(
    'ERR_INVALID_PATTERN',
    `The ${kind} ${JSON.stringify(pattern)} is not allowed: ${why}`,
    options,
  );
}
