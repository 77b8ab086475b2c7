/** The components of a URL that a pattern has a part for, in the order of a URL. */
export const COMPONENTS = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
export type Component = (typeof COMPONENTS)[number];

/** The pattern of each component. A component that is missing matches anything. */
export type Written = Partial<Record<Component, readonly Token[]>>;

/** A token of a pattern [URLPattern, "tokenize"]. A `stray` is a colon before no name, or a backslash before nothing. */
export interface Token {
  readonly kind: 'text' | 'escaped' | 'stray' | 'name' | 'wildcard' | 'modifier' | 'open' | 'close';
  /** The character, or the name without its colon. */
  readonly value: string;
}

const NAME = /[$_\p{ID_Start}][$_\u200c\u200d\p{ID_Continue}]*/uy;
const KINDS: Readonly<Record<string, Token['kind']>> = {
  '*': 'wildcard',
  '+': 'modifier',
  '?': 'modifier',
  '{': 'open',
  '}': 'close',
};

/** @throws {SyntaxError} where the pattern has a regular expression, or groups in or across groups */
export function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  let inGroup = false;
  for (let at = 0; at < pattern.length;) {
    const value = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
    at += value.length;
    if (value === '(') {
      throw new SyntaxError('it has a regular expression group "(…)"; allowed are :name, * and {…}, and \\( as text');
    }
    if (value === ':') {
      NAME.lastIndex = at;
      const name = NAME.exec(pattern)?.[0];
      tokens.push(name === undefined ? { kind: 'stray', value } : { kind: 'name', value: name });
      at += name?.length ?? 0;
    } else if (value === '\\') {
      const escaped = pattern.codePointAt(at);
      if (escaped === undefined) throw new SyntaxError('it ends with a backslash that escapes nothing');
      const character = String.fromCodePoint(escaped);
      tokens.push({ kind: 'escaped', value: character });
      at += character.length;
    } else {
      if (value === '{' || value === '}') {
        if (inGroup === (value === '{')) throw new SyntaxError(`it has a "${value}" that is not one of a pair "{…}"`);
        inGroup = !inGroup;
      }
      tokens.push({ kind: KINDS[value] ?? 'text', value });
    }
  }
  if (inGroup) throw new SyntaxError('it has a "{" without its "}"');
  return tokens;
}

/** The rules by which a component is read. */
export interface Dialect {
  readonly component: Component;
  /** What `:name` stops at; empty where it stops at nothing. */
  readonly delimiter: string;
  /** What belongs to the wildcard that it precedes. */
  readonly prefix: string;
  /** Whether the path is one without hierarchy, or the host one of IPv6. */
  readonly variant: 'opaque' | 'ipv6' | undefined;
}

/** The tokens that match exactly that text [URLPattern, "escape a pattern string"]. */
function literally(text: string): readonly Token[] {
  return Array.from(text, (value) => ({ kind: /[+*?:{}()\\]/.test(value) ? 'escaped' : 'text', value }));
}

/**
 * Splits a pattern at the delimiters of a URL that stand outside of groups [URLPattern, "parse a constructor string"].
 * @param isSpecial whether a protocol's pattern matches one of the schemes whose URLs always have a host
 */
export function splitPattern(tokens: readonly Token[], isSpecial: (protocol: readonly Token[]) => boolean): Written {
  const end = tokens.length;
  const find = finder(tokens);
  const written: Written = {};
  const colon = find(0, ':');
  let at = 0;
  let hasPath = find(0, '?#') > 0 || end === 0;
  if (colon < end) {
    written.protocol = tokens.slice(0, colon);
    const special = isSpecial(written.protocol);
    const slashes = find(colon + 1, '/') === colon + 1 && find(colon + 2, '/') === colon + 2;
    at = colon + (slashes ? 3 : 1);
    if (slashes || special) {
      at = splitAuthority(tokens, at, find, written);
      // A path follows, or a search or hash after the empty path, or nothing, which means any path
      hasPath = at < end && find(at, '/') === at;
      if (at < end && !hasPath) written.pathname = special ? literally('/') : [];
    } else {
      hasPath = true;
      written.hostname = [];
    }
    written.port ??= [];
  }
  const search = find(at, '?#');
  const hash = find(search, '#');
  if (hasPath) written.pathname = tokens.slice(at, search);
  // The standard drops a second delimiter, too
  if (search < hash) written.search = withoutFirst('?', tokens.slice(search + 1, hash));
  if (hash < end) {
    if (written.pathname !== undefined) written.search ??= [];
    written.hash = withoutFirst('#', tokens.slice(hash + 1));
  }
  return written;
}

/** Splits `user:password@host:port`. Gives where it ends: at a slash, a question mark, a hash sign or the end of the pattern. */
function splitAuthority(tokens: readonly Token[], start: number, find: Find, written: Written): number {
  const end = find(start, '/?#');
  const at = find(start, '@');
  let host = start;
  if (at < end) {
    const colon = find(start, ':');
    written.username = tokens.slice(start, Math.min(colon, at));
    if (colon < at) written.password = tokens.slice(colon + 1, at);
    host = at + 1;
  }
  // A host of IPv6 has colons between its brackets
  let brackets = 0;
  let port = host;
  for (; port < end; port++) {
    if (find(port, '[', port + 1) === port) brackets++;
    else if (find(port, ']', port + 1) === port) brackets--;
    else if (brackets === 0 && find(port, ':', port + 1) === port) break;
  }
  written.hostname = tokens.slice(host, port);
  if (port < end) written.port = tokens.slice(port + 1, end);
  return end;
}

type Find = (from: number, delimiters: string, to?: number) => number;

/** Finds the first of some delimiters at or after a token and before another one; the number of that one if there is none. */
function finder(tokens: readonly Token[]): Find {
  const outside: Token[] = [];
  let inGroup = false;
  for (const [at, token] of tokens.entries()) {
    inGroup = token.kind === 'open' || (inGroup && token.kind !== 'close');
    if (!inGroup && isDelimiter(token, tokens[at - 1])) outside[at] = token;
  }
  return (from, delimiters, to = tokens.length) => {
    let at = from;
    while (at < to && !delimiters.includes(outside[at]?.value ?? ' ')) at++;
    return Math.min(at, tokens.length);
  };
}

function isDelimiter(token: Token, before: Token | undefined): boolean {
  if (token.kind === 'modifier') {
    // A question mark behind what can have a modifier is one; anywhere else it begins the search
    return token.value === '?' && !['name', 'close', 'wildcard'].includes(before?.kind ?? '');
  }
  return token.kind === 'text' || token.kind === 'escaped' || token.kind === 'stray';
}

function withoutFirst(delimiter: string, tokens: readonly Token[]): readonly Token[] {
  const [first] = tokens;
  return first?.value === delimiter && first.kind !== 'escaped' ? tokens.slice(1) : tokens;
}

/** A base, as the tokens that patterns inherit from it. */
export interface Base {
  /** The components, in the order in which they are inherited. */
  readonly components: ReadonlyMap<Component, readonly Token[]>;
  /** The path up to its last slash, or undefined if the path has no hierarchy. */
  readonly folder: readonly Token[] | undefined;
}

export function baseOf(url: URL): Base {
  return {
    components: new Map([
      ['protocol', literally(url.protocol.slice(0, -1))],
      ['hostname', literally(url.hostname)],
      ['port', literally(url.port)],
      ['pathname', literally(url.pathname)],
      ['search', literally(url.search.slice(1))],
      ['hash', literally(url.hash.slice(1))],
    ]),
    folder: isOpaque(url) ? undefined : literally(url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1)),
  };
}

/**
 * Completes a pattern from its base: a component is inherited where it and all before it are missing
 * [URLPattern, "process a URLPatternInit"].
 */
export function inherit(written: Written, { components, folder }: Base): Written {
  const inherited: Written = { ...written };
  if (written.pathname !== undefined && folder && !isAbsolutePath(written.pathname)) {
    inherited.pathname = [...folder, ...written.pathname];
  }
  if (written.protocol !== undefined) return inherited;
  for (const [component, tokens] of components) {
    if (written[component] !== undefined) break;
    inherited[component] = tokens;
  }
  return inherited;
}

/** Whether the URL's path has no hierarchy, as that of `urn:a:b`. */
function isOpaque(url: URL): boolean {
  return !url.href.startsWith('/', url.protocol.length);
}

function isAbsolutePath([first, second]: readonly Token[]): boolean {
  if (first?.kind === 'open') return second?.kind === 'text' && second.value === '/';
  return first?.value === '/';
}
