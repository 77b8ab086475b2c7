import type { Part } from './parts.ts';

/** Texts that every text has that a pattern matches. */
export interface Texts {
  /** What it begins with. */
  readonly start: string;
  /** What it has somewhere, the beginning and the end included; empty if there is nothing that tells more than these. */
  readonly inner: string;
  /** What it ends with; empty if the pattern is a text alone. */
  readonly end: string;
}

export function textsOf(parts: readonly Part[]): Texts {
  // The texts between what may be missing, may be anything or may be there several times, the first and the last one included.
  const texts = [''];
  const add = (text: string): void => {
    texts.push((texts.pop() ?? '') + text);
  };
  for (const { prefix, wildcard, suffix, optional, repeated } of parts) {
    if (optional) texts.push('');
    else {
      add(prefix);
      if (wildcard) texts.push(suffix);
      // It is followed by itself or by what comes next.
      else if (repeated) texts.push(prefix);
    }
  }
  return chosen(texts);
}

/** The texts of a pattern, of those between its wildcards. */
export function chosen(texts: readonly string[]): Texts {
  const [start = '', ...others] = texts;
  const end = others.pop() ?? '';
  // A text that every topic has at its beginning or end tells none of them apart.
  const telling = others.filter((text) => !start.includes(text) && !end.includes(text));
  const inner = telling.reduce((longest, text) => (text.length > longest.length ? text : longest), '');
  return { start, inner, end };
}
