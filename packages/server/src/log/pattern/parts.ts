import type { Dialect, Token } from './syntax.ts';
import { canonical } from './canonical.ts';

/** A piece of a component's pattern [URLPattern, "part"]. Without a wildcard, `prefix` is its whole text. */
export interface Part {
  readonly prefix: string;
  /** `segment` matches one character or more up to the delimiter, `all` matches anything, nothing included. */
  readonly wildcard?: 'segment' | 'all';
  readonly suffix: string;
  readonly optional: boolean;
  readonly repeated: boolean;
}

/** @throws {SyntaxError} where the tokens are no pattern, or have text that the component cannot have */
export function parseParts(tokens: readonly Token[], dialect: Dialect): readonly Part[] {
  const parts: Part[] = [];
  const names = new Set<string>();
  let pending = '';
  let at = 0;

  const flush = (): void => {
    if (pending === '') return;
    parts.push({ prefix: canonical(pending, dialect), suffix: '', optional: false, repeated: false });
    pending = '';
  };
  const takeText = (): string => {
    let text = '';
    for (let token = tokens[at]; token?.kind === 'text' || token?.kind === 'escaped'; token = tokens[++at]) {
      text += token.value;
    }
    return text;
  };
  const takeWildcard = (): Token | undefined => {
    const token = tokens[at];
    if (token?.kind !== 'name' && token?.kind !== 'wildcard') return undefined;
    at++;
    return token;
  };
  const takeModifier = (): string => {
    const token = tokens[at];
    if (token?.kind !== 'modifier' && token?.kind !== 'wildcard') return '';
    at++;
    return token.value;
  };
  const add = (prefix: string, token: Token | undefined, suffix: string): void => {
    const modifier = takeModifier();
    if (token === undefined && modifier === '') {
      pending += prefix;
      return;
    }
    flush();
    if (token === undefined && prefix === '') return;
    if (token?.kind === 'name') {
      if (names.has(token.value))
        throw new SyntaxError(`it has the name ":${token.value}" twice in its ${dialect.component}`);
      names.add(token.value);
    }
    const wildcard = token?.kind === 'name' ? 'segment' : 'all';
    parts.push({
      prefix: canonical(prefix, dialect),
      ...(token !== undefined && { wildcard }),
      suffix: canonical(suffix, dialect),
      optional: modifier === '?' || modifier === '*',
      repeated: modifier === '+' || modifier === '*',
    });
  };

  while (at < tokens.length) {
    const token = tokens[at];
    const next = tokens[at + 1]?.kind;
    if (token?.kind === 'open') {
      at++;
      const prefix = takeText();
      const wildcard = takeWildcard();
      const suffix = takeText();
      if (tokens[at]?.kind !== 'close') throw misplaced(tokens[at], dialect);
      at++;
      add(prefix, wildcard, suffix);
    } else if (token?.kind === 'name' || token?.kind === 'wildcard') {
      at++;
      flush();
      add('', token, '');
    } else if (token?.kind === 'text' && token.value === dialect.prefix && (next === 'name' || next === 'wildcard')) {
      at++;
      const wildcard = takeWildcard();
      flush();
      add(token.value, wildcard, '');
    } else if (token?.kind === 'text' || token?.kind === 'escaped') {
      pending += token.value;
      at++;
    } else {
      throw misplaced(token, dialect);
    }
  }
  flush();
  return parts;
}

function misplaced(token: Token | undefined, { component }: Dialect): SyntaxError {
  const found = `it has "${token?.kind === 'name' ? ':' : ''}${token?.value ?? ''}" in its ${component}`;
  const cure =
    'a modifier follows :name, * or {…}, a group has one of :name and *, and a backslash makes a character text';
  return new SyntaxError(`${found} where it means nothing; ${cure}`);
}
