/** What a run of laid-out JSON is, which is how it is coloured. */
export type RunKind = 'key' | 'string' | 'number' | 'word' | 'mark';

export interface Run {
  readonly kind: RunKind;
  readonly text: string;
}

export type Line = readonly Run[];

/** A list or object without another one in it stays on one line up to this many characters. */
const INLINE_CHARACTERS = 56;

/** Indentation stops growing at this depth, against text that leaves the screen to the right. */
const MAX_INDENTED_DEPTH = 24;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gu;

/**
 * Lays JSON out line by line, or returns undefined if the text is not a JSON object or list.
 *
 * The tokens are shown as they were written, not as `JSON.parse` would give them back: a number of 20 digits, a key that
 * occurs twice and an escape stay visible.
 */
export function layOutJson(text: string): Line[] | undefined {
  if (!isContainer(text)) return undefined;
  const tokens = text.match(TOKEN) ?? [];
  const lines: Run[][] = [];
  let line: Run[] = [];
  let depth = 0;
  const breakLine = (): void => {
    lines.push(line);
    const indent = '  '.repeat(Math.min(depth, MAX_INDENTED_DEPTH));
    line = indent === '' ? [] : [{ kind: 'mark', text: indent }];
  };

  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    if (token === '{' || token === '[') {
      const end = inlineEnd(tokens, at);
      if (end !== undefined) {
        line.push(...inlineRuns(tokens, at, end));
        at = end;
        continue;
      }
      line.push(mark(token));
      depth += 1;
      breakLine();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      breakLine();
      line.push(mark(token));
    } else if (token === ',') {
      line.push(mark(token));
      breakLine();
    } else if (token === ':') {
      line.push(mark(': '));
    } else {
      line.push(leaf(token, tokens[at + 1]));
    }
  }
  lines.push(line);
  return lines;
}

function isContainer(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Where the container that opens at `start` ends, if it holds no other one and is short. */
function inlineEnd(tokens: readonly string[], start: number): number | undefined {
  let characters = 0;
  for (let at = start + 1; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    if (token === '}' || token === ']') return at;
    if (token === '{' || token === '[') return undefined;
    characters += token.length + 1;
    if (characters > INLINE_CHARACTERS) return undefined;
  }
  return undefined;
}

function inlineRuns(tokens: readonly string[], start: number, end: number): Run[] {
  const open = tokens[start] ?? '';
  const close = tokens[end] ?? '';
  if (end === start + 1) return [mark(open + close)];
  const runs = [mark(open === '{' ? '{ ' : open)];
  for (let at = start + 1; at < end; at += 1) {
    const token = tokens[at] ?? '';
    runs.push(token === ',' || token === ':' ? mark(`${token} `) : leaf(token, tokens[at + 1]));
  }
  runs.push(mark(close === '}' ? ' }' : close));
  return runs;
}

function leaf(token: string, next: string | undefined): Run {
  if (token.startsWith('"')) return { kind: next === ':' ? 'key' : 'string', text: token };
  return { kind: /^[-\d]/.test(token) ? 'number' : 'word', text: token };
}

function mark(text: string): Run {
  return { kind: 'mark', text };
}
