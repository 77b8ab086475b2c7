import { type Meter, MAX_STATES, type TextTest } from './machine.ts';
import type { Component } from './syntax.ts';
import { chosen, type Texts } from './texts.ts';
import { type Expression, type Operator, parseTemplate, type Variable } from './template-syntax.ts';

/**
 * The base of a pattern that is no URL pattern but a URI template (RFC 6570). It matches the topics that the template could be expanded to, whatever its
 * variables are: texts, lists or names with values. A topic is taken as it is, and is not resolved.
 */
export const URI_TEMPLATE = 'uri-template:';

/** How an operator joins and encodes values (RFC 6570, appendix A). */
interface Style {
  readonly first: string;
  readonly separator: string;
  readonly isNamed: boolean;
  /** The characters that a value has, beside those that are percent-encoded. */
  readonly allowed: number;
}

// Sets of characters, as bits.
const UNRESERVED = 1;
const RESERVED = 2;
const COMMA = 4;
const EQUALS = 8;
const HEX = 16;
/** The first digit of a byte of UTF-8 that goes on with the character before it. */
const CONTINUES = 32;

const SETS = new Uint8Array(128);
addTo(UNRESERVED, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~');
addTo(RESERVED, ":/?#[]@!$&'()*+,;=");
addTo(COMMA, ',');
addTo(EQUALS, '=');
addTo(HEX, '0123456789ABCDEFabcdef');
addTo(CONTINUES, '89ABab');

function addTo(set: number, characters: string): void {
  for (const character of characters) {
    const code = character.charCodeAt(0);
    SETS[code] = (SETS[code] ?? 0) | set;
  }
}

const STYLES: Readonly<Record<Operator, Style>> = {
  '': { first: '', separator: ',', isNamed: false, allowed: UNRESERVED },
  '+': { first: '', separator: ',', isNamed: false, allowed: UNRESERVED | RESERVED },
  '#': { first: '#', separator: ',', isNamed: false, allowed: UNRESERVED | RESERVED },
  '.': { first: '.', separator: '.', isNamed: false, allowed: UNRESERVED },
  '/': { first: '/', separator: '/', isNamed: false, allowed: UNRESERVED },
  ';': { first: ';', separator: ';', isNamed: true, allowed: UNRESERVED },
  '?': { first: '?', separator: '&', isNamed: true, allowed: UNRESERVED },
  '&': { first: '&', separator: '&', isNamed: true, allowed: UNRESERVED },
};

/** A text with what is beyond ASCII percent-encoded, as an expanded template has it. */
function encodedText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the characters of ASCII are what it excludes
  return text.replaceAll(/[^\u0000-\u007f]+/g, (part) => encodeURIComponent(part.toWellFormed()));
}

/** A topic in the place of the path of a URL that has nothing else. */
export function pathOnly(topic: string): Readonly<Record<Component, string>> {
  const pathname = encodedText(topic);
  return { protocol: '', username: '', password: '', hostname: '', port: '', pathname, search: '', hash: '' };
}

/** Whether a text is a URI template that has an expression. */
export function isTemplate(text: string): boolean {
  return parseTemplate(text)?.some((piece) => typeof piece !== 'string') === true;
}

/** A compiled URI template. It is in all its states at once and never goes back, so a character takes at most as many steps as there are moves. */
export class TemplateTest implements TextTest {
  readonly texts: Texts;
  readonly matchesAll = false;
  readonly #plan: Plan | undefined;

  /** @throws {SyntaxError} */
  constructor(text: string) {
    const parsed = parseTemplate(text);
    if (!parsed) throw new SyntaxError('it is no URI template');
    const pieces = parsed.map((piece) => (typeof piece === 'string' ? encodedText(piece) : piece));
    this.texts = textsBetween(pieces);
    if (typeof pieces[0] === 'string') pieces.shift();
    if (typeof pieces.at(-1) === 'string') pieces.pop();
    if (pieces.length === 0) return;
    const plan = new Plan();
    for (const piece of pieces) {
      if (typeof piece === 'string') plan.last = plan.text(plan.last, piece);
      else plan.add(piece);
    }
    this.#plan = plan;
  }

  get states(): number {
    return this.texts.end.length + (this.#plan?.states.length ?? 0);
  }

  get cost(): number {
    return MOVE_STEPS * (this.#plan?.moves ?? 0);
  }

  get bytes(): number {
    const { start, inner, end } = this.texts;
    return start.length + inner.length + end.length + 64 * (this.#plan?.moves ?? 0);
  }

  test(text: string, meter?: Meter): boolean {
    if (meter) meter.steps += 1;
    const { start, end: last } = this.texts;
    const end = text.length - last.length;
    if (start.length > end || !text.startsWith(start) || !text.endsWith(last)) return false;
    const plan = this.#plan;
    return plan ? plan.test(text, start.length, end, meter) : start.length === end;
  }
}

/** The texts of a template, of those between its expressions. */
function textsBetween(pieces: readonly (string | Expression)[]): Texts {
  const texts = [''];
  for (const piece of pieces) texts.push(typeof piece === 'string' ? (texts.pop() ?? '') + piece : '');
  return chosen(texts);
}

/** Whether nothing tells where a value ends and the next one begins: what is between them may also be in a value. */
function joinsFreely(operator: Operator, variables: readonly Variable[]): boolean {
  return ['', '+', '#', '.'].includes(operator) && variables.every(({ max }) => max === undefined);
}

/** A move to another state: with a character of a set, with one character, or with none. */
interface Move {
  readonly to: number;
  readonly set: number;
  readonly code: number;
}

const NONE = -1;

// What a move costs, in the steps of a meter.
const MOVE_STEPS = 6;

/** The states of a template and the moves between them. */
class Plan {
  readonly states: Move[][] = [[]];
  last = 0;
  moves = 0;

  /** Adds an expression: its variables in their order, any of which may have no value. */
  add({ operator, variables }: Expression): void {
    const style = STYLES[operator];
    if (joinsFreely(operator, variables)) return this.#addFree(style, variables);
    const end = this.#state();
    let none = this.last;
    let some = this.#state();
    for (const variable of variables) {
      const value = this.#state();
      this.#skip(this.text(none, style.first), value);
      this.#skip(this.text(some, style.separator), value);
      const after = this.#state();
      this.#skip(this.#value(value, variable, style), after);
      if (variable.explodes) this.#skip(this.text(after, style.separator), value);
      const noneYet = this.#state();
      this.#skip(none, noneYet);
      this.#skip(some, after);
      none = noneYet;
      some = after;
    }
    this.#skip(none, end);
    this.#skip(some, end);
    this.last = end;
  }

  /** Adds variables whose values, with what is between them, are characters of one set. */
  #addFree({ first, allowed }: Style, variables: readonly Variable[]): void {
    const set = allowed | COMMA | (variables.some(({ explodes }) => explodes) ? EQUALS : 0);
    const start = this.last;
    this.last = this.#many(this.text(start, first), set);
    if (first === '') return;
    const end = this.#state();
    this.#skip(start, end);
    this.#skip(this.last, end);
    this.last = end;
  }

  /** Leads through a text. Returns the state behind it. */
  text(from: number, text: string): number {
    let at = from;
    for (let index = 0; index < text.length; index += 1) at = this.#next(at, { set: 0, code: text.charCodeAt(index) });
    return at;
  }

  test(text: string, start: number, end: number, meter: Meter | undefined): boolean {
    let active = this.#reached([0]);
    for (let at = start; at < end; at += 1) {
      const code = text.charCodeAt(at);
      const sets = SETS[code] ?? 0;
      if (meter) meter.steps += MOVE_STEPS * this.moves;
      const next: number[] = [];
      for (const state of active) {
        for (const move of this.states[state] ?? []) {
          if (move.code === code || (move.set & sets) !== 0) next.push(move.to);
        }
      }
      if (next.length === 0) return false;
      active = this.#reached(next);
    }
    return active.includes(this.last);
  }

  /** Those states and all to which no character leads on, each once. */
  #reached(states: readonly number[]): readonly number[] {
    const seen = new Uint8Array(this.states.length);
    const found: number[] = [];
    const add = (state: number): void => {
      if (seen[state] === 1) return;
      seen[state] = 1;
      found.push(state);
    };
    for (const state of states) add(state);
    // It grows while it is walked through.
    for (const state of found) {
      for (const { code, set, to } of this.states[state] ?? []) if (code === NONE && set === 0) add(to);
    }
    return found;
  }

  /** Leads through the value of a variable, with its name where the style has names. Returns the state behind it. */
  #value(from: number, { name, explodes, max }: Variable, { isNamed, allowed, separator }: Style): number {
    const composite = allowed | COMMA | (explodes ? EQUALS : 0);
    // The names may be those of a list of names with values.
    if (!isNamed || explodes) return max === undefined ? this.#many(from, composite) : this.#few(from, allowed, max);
    const named = this.text(from, name);
    const given = this.text(named, '=');
    const value = max === undefined ? this.#many(given, composite) : this.#few(given, allowed, max);
    // An empty value has no equals sign there.
    const end = this.#state();
    this.#skip(value, end);
    if (separator === ';') this.#skip(named, end);
    return end;
  }

  /** Any number of characters of a set, or percent-encoded bytes. */
  #many(from: number, set: number): number {
    const value = this.#state();
    this.#skip(from, value);
    this.#move(value, { to: value, set, code: NONE });
    this.#encoded(value, value, HEX);
    return value;
  }

  /** At most so many characters. One beyond ASCII is several percent-encoded bytes. */
  #few(from: number, set: number, max: number): number {
    const end = this.#state();
    let at = from;
    for (let index = 0; index < max; index += 1) {
      const after = this.#next(at, { set, code: NONE });
      this.#encoded(at, after, HEX);
      this.#encoded(after, after, CONTINUES);
      this.#skip(at, end);
      at = after;
    }
    this.#skip(at, end);
    return end;
  }

  /** A percent-encoded byte. */
  #encoded(from: number, to: number, first: number): void {
    const digits = this.#next(this.text(from, '%'), { set: first, code: NONE });
    this.#move(digits, { to, set: HEX, code: NONE });
  }

  #next(from: number, move: Omit<Move, 'to'>): number {
    const to = this.#state();
    this.#move(from, { ...move, to });
    return to;
  }

  #skip(from: number, to: number): void {
    this.#move(from, { to, set: 0, code: NONE });
  }

  #move(from: number, move: Move): void {
    this.states[from]?.push(move);
    this.moves += 1;
  }

  #state(): number {
    if (this.states.length >= MAX_STATES) {
      throw new SyntaxError(`it has more than ${MAX_STATES} states when compiled, which is the most`);
    }
    return this.states.push([]) - 1;
  }
}
