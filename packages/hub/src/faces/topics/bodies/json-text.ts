/** Thrown for a text that is no JSON, or no JSON of the kind that was asked for. Its message says what was found. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

/** What a value is, from the beginning of its text. */
export type JsonKind = 'an object' | 'an array' | 'a string' | 'a number' | 'a boolean' | 'null';

// A longer name is shown as its beginning.
const MAX_SHOWN = 64;

/**
 * Returns the members of a JSON object, each with the text of its value as it is: to parse a value and write it again would change numbers. Of the values only
 * the ends are looked for, so a value is known to be JSON only when it has been parsed. The time grows with the length of the text.
 * @throws {JsonTextError}
 */
export function membersOf(text: string): Map<string, string> {
  const scan = new Scan(text);
  const members = new Map<string, string>();
  scan.open('{', 'an object');
  if (!scan.closes('}')) {
    do {
      const name = scan.name();
      if (members.has(name)) throw new JsonTextError(`it has the member ${shown(name)} twice`);
      members.set(name, scan.value());
    } while (scan.goesOn('}'));
  }
  scan.end();
  return members;
}

/** Yields the text of each element of a JSON array, as {@link membersOf} does. @throws {JsonTextError} */
export function* elementsOf(text: string): Generator<string, undefined, undefined> {
  const scan = new Scan(text);
  scan.open('[', 'an array');
  if (!scan.closes(']')) {
    do yield scan.value();
    while (scan.goesOn(']'));
  }
  scan.end();
}

/** Parses the text of a value. @throws {JsonTextError} */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new JsonTextError(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** What the text of a value stands for. */
export function kindOf(text: string): JsonKind {
  switch (text[0]) {
    case '{':
      return 'an object';
    case '[':
      return 'an array';
    case '"':
      return 'a string';
    case 't':
    case 'f':
      return 'a boolean';
    case 'n':
      return 'null';
    default:
      return 'a number';
  }
}

/** A name for an error text. */
export function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}

class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  open(bracket: string, kind: JsonKind): void {
    this.#space();
    const found = this.#text[this.#at];
    if (found === bracket) this.#at += 1;
    else throw found === undefined ? this.#broken() : this.#other(kind);
  }

  /** Passes over a bracket if it is next. */
  closes(bracket: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at += 1;
    return true;
  }

  /** Passes over a comma, or over the bracket at the end. */
  goesOn(bracket: string): boolean {
    if (this.closes(bracket)) return false;
    if (this.#text[this.#at] !== ',') throw this.#broken();
    this.#at += 1;
    return true;
  }

  /** Passes over the name of a member and its colon. */
  name(): string {
    this.#space();
    if (this.#text[this.#at] !== '"') throw this.#broken();
    const name = valueOf(this.value()) as string;
    this.#space();
    if (this.#text[this.#at] !== ':') throw this.#broken();
    this.#at += 1;
    return name;
  }

  /** Passes over a value. */
  value(): string {
    this.#space();
    const start = this.#at;
    const first = this.#text[start];
    if (first === '"') this.#string();
    else if (first === '{' || first === '[') this.#nested();
    else while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    if (this.#at === start) throw this.#broken();
    return this.#text.slice(start, this.#at);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#broken();
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #string(): void {
    for (this.#at += 1; ; this.#at += 1) {
      const unit = this.#text[this.#at];
      if (unit === undefined) throw this.#broken();
      if (unit === '\\') this.#at += 1;
      else if (unit === '"') break;
    }
    this.#at += 1;
  }

  #nested(): void {
    let depth = 0;
    do {
      const unit = this.#text[this.#at];
      if (unit === undefined) throw this.#broken();
      if (unit === '"') {
        this.#string();
        continue;
      }
      if (unit === '{' || unit === '[') depth += 1;
      else if (unit === '}' || unit === ']') depth -= 1;
      this.#at += 1;
    } while (depth > 0);
  }

  /** JSON of another kind than was asked for, or no JSON. */
  #other(kind: JsonKind): JsonTextError {
    const found = kindOf(this.#text.slice(this.#at, this.#at + 1));
    const isNumber = /^[-0-9]/.test(this.#text.slice(this.#at, this.#at + 1));
    return found === 'a number' && !isNumber ? this.#broken() : new JsonTextError(`it is ${found}, not ${kind}`);
  }

  /** The text breaks the grammar of JSON: the place is in the error. */
  #broken(): JsonTextError {
    const { length } = this.#text;
    if (this.#at >= length) return new JsonTextError('it is no JSON: it ends too early');
    const found = this.#text.slice(this.#at, this.#at + 16);
    return new JsonTextError(`it is no JSON: unexpected ${JSON.stringify(found)} at character ${this.#at + 1}`);
  }
}
