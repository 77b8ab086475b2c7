/** Thrown for a text that is no JSON, or no JSON of the kind that was asked for. Its message says what was found. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

/** What a value is, from the beginning of its text. */
export type JsonKind = 'an object' | 'an array' | 'a string' | 'a number' | 'a boolean' | 'null';

// A longer name is shown as its beginning.
const MAX_SHOWN = 64;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
const [SPACE, TAB, LF, CR] = [0x20, 0x09, 0x0a, 0x0d];

/** A member of an object, with the text of its value. */
export type Member = readonly [name: string, text: string];

/**
 * Yields the members of a JSON object, each with the text of its value as it is: to parse a value and write it again would change numbers. Of the values only
 * the ends are looked for, so a value is known to be JSON only when it has been parsed. The time grows with the length of the text.
 * @throws {JsonTextError}
 */
export function* membersOf(text: string): Generator<Member, undefined, undefined> {
  const scan = new Scan(text);
  scan.open(OPEN_OBJECT, 'an object');
  if (!scan.closes(CLOSE_OBJECT)) {
    do yield [scan.name(), scan.value()];
    while (scan.goesOn(CLOSE_OBJECT));
  }
  scan.end();
}

/** An object may have a member once: of two, programs take one or the other. */
export function twice(name: string): JsonTextError {
  return new JsonTextError(`it has the member ${shown(name)} twice`);
}

/** Yields the text of each element of a JSON array, as {@link membersOf} does. @throws {JsonTextError} */
export function* elementsOf(text: string): Generator<string, undefined, undefined> {
  const scan = new Scan(text);
  scan.open(OPEN_ARRAY, 'an array');
  if (!scan.closes(CLOSE_ARRAY)) {
    do yield scan.value();
    while (scan.goesOn(CLOSE_ARRAY));
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

  open(bracket: number, kind: JsonKind): void {
    this.#space();
    if (this.#unit === bracket) this.#at += 1;
    else throw this.#other(kind);
  }

  /** Passes over a bracket if it is next. */
  closes(bracket: number): boolean {
    this.#space();
    if (this.#unit !== bracket) return false;
    this.#at += 1;
    return true;
  }

  /** Passes over a comma, or over the bracket at the end. */
  goesOn(bracket: number): boolean {
    if (this.closes(bracket)) return false;
    this.#pass(COMMA);
    return true;
  }

  /** Passes over the name of a member and its colon. */
  name(): string {
    this.#space();
    if (this.#unit !== QUOTE) throw this.#broken();
    const name = valueOf(this.value()) as string;
    this.#space();
    this.#pass(COLON);
    return name;
  }

  /** Passes over a value. */
  value(): string {
    this.#space();
    const start = this.#at;
    if (this.#unit === QUOTE) this.#string();
    else if (this.#unit === OPEN_OBJECT || this.#unit === OPEN_ARRAY) this.#nested();
    else while (isOfWord(this.#unit)) this.#at += 1;
    if (this.#at === start) throw this.#broken();
    return this.#text.slice(start, this.#at);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#broken();
  }

  /** The next UTF-16 unit; NaN behind the last one. */
  get #unit(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #pass(unit: number): void {
    if (this.#unit !== unit) throw this.#broken();
    this.#at += 1;
  }

  #space(): void {
    while (isSpace(this.#unit)) this.#at += 1;
  }

  #string(): void {
    this.#at += 1;
    for (let unit = this.#unit; unit !== QUOTE; unit = this.#unit) {
      if (Number.isNaN(unit)) throw this.#broken();
      this.#at += unit === BACKSLASH ? 2 : 1;
    }
    this.#at += 1;
  }

  #nested(): void {
    let depth = 0;
    do {
      const unit = this.#unit;
      if (Number.isNaN(unit)) throw this.#broken();
      if (unit === QUOTE) {
        this.#string();
        continue;
      }
      if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) depth += 1;
      else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) depth -= 1;
      this.#at += 1;
    } while (depth > 0);
  }

  /** JSON of another kind than was asked for, or no JSON. */
  #other(kind: JsonKind): JsonTextError {
    const rest = this.#text.slice(this.#at, this.#at + MAX_SHOWN);
    return /^(?:["{[]|-?[0-9]|(?:true|false|null)\b)/.test(rest)
      ? new JsonTextError(`it is ${kindOf(rest)}, not ${kind}`)
      : this.#broken();
  }

  /** The text breaks the grammar of JSON: the place is in the error. */
  #broken(): JsonTextError {
    if (this.#at >= this.#text.length) return new JsonTextError('it is no JSON: it ends too early');
    const found = this.#text.slice(this.#at, this.#at + 16);
    return new JsonTextError(`it is no JSON: unexpected ${JSON.stringify(found)} at character ${this.#at + 1}`);
  }
}

function isSpace(unit: number): boolean {
  return unit === SPACE || unit === LF || unit === CR || unit === TAB;
}

/** Whether it may be of a number or of true, false and null. What it really is shows when the word is parsed. */
function isOfWord(unit: number): boolean {
  return !(
    Number.isNaN(unit) ||
    isSpace(unit) ||
    unit === COMMA ||
    unit === COLON ||
    unit === QUOTE ||
    unit === CLOSE_OBJECT ||
    unit === CLOSE_ARRAY
  );
}
