/** A variable of an expression (RFC 6570, 2.3). */
export interface Variable {
  readonly name: string;
  /** Whether it has the modifier `*`. */
  readonly explodes: boolean;
  /** The most characters of its value, by the modifier `:n`. */
  readonly max: number | undefined;
}

/** An expression in braces, with its operator: an empty one is the simple expansion. */
export interface Expression {
  readonly operator: Operator;
  readonly variables: readonly Variable[];
}

export type Operator = '' | '+' | '#' | '.' | '/' | ';' | '?' | '&';

const OPERATORS: ReadonlySet<string> = new Set(['+', '#', '.', '/', ';', '?', '&'] satisfies Operator[]);

// A literal may have these, percent-encoded bytes, and characters beyond ASCII.
// oxlint-disable-next-line no-control-regex -- control characters are what it excludes
const LITERAL = /^(?:[^\u0000-\u0020"%<>\\^`{|}\u007f-\u009f]|%[\da-f]{2})*$/i;

const NAME_CHARACTER = String.raw`(?:\w|%[\da-fA-F]{2})`;
// No text can be read by it in two ways, so it is read in one go.
const VARIABLE = new RegExp(`^(${NAME_CHARACTER}(?:\\.?${NAME_CHARACTER})*)(?:(\\*)|:([1-9]\\d{0,3}))?$`);

/** Reads a URI template (RFC 6570) as its literals and expressions. Undefined if the text is none. */
export function parseTemplate(text: string): readonly (string | Expression)[] | undefined {
  const pieces: (string | Expression)[] = [];
  for (let at = 0; at < text.length;) {
    const open = text.indexOf('{', at);
    const literal = text.slice(at, open === -1 ? text.length : open);
    if (!LITERAL.test(literal)) return undefined;
    if (literal !== '') pieces.push(literal);
    if (open === -1) break;
    const close = text.indexOf('}', open);
    const expression = close === -1 ? undefined : expressionOf(text.slice(open + 1, close));
    if (!expression) return undefined;
    pieces.push(expression);
    at = close + 1;
  }
  return pieces;
}

function expressionOf(text: string): Expression | undefined {
  const first = text.charAt(0);
  const operator = OPERATORS.has(first) ? (first as Operator) : '';
  const variables: Variable[] = [];
  for (const part of text.slice(operator.length).split(',')) {
    const [, name, star, max] = VARIABLE.exec(part) ?? [];
    if (name === undefined) return undefined;
    variables.push({ name, explodes: star !== undefined, max: max === undefined ? undefined : Number(max) });
  }
  return { operator, variables };
}
