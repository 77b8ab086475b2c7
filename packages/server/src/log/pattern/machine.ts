import type { Part } from './parts.ts';
import type { Dialect } from './syntax.ts';
import { type Texts, textsOf } from './texts.ts';

/** Counts the work of matching, in steps of about a nanosecond. */
export interface Meter {
  steps: number;
}

// What the program of a machine has beside the characters of URLs. Each is about the present state.
const STAY = '\u0080';
const STAY_IN_SEGMENT = '\u0081';
const SEGMENT = '\u0082';
const NEXT = '\u0083';

/** The most states that the machines of one pattern may have together, so also the most of one machine. */
export const MAX_STATES = 4096;
const MAX_WORDS = wordsOf(MAX_STATES);

const ASCII = 128;
// The sets of states: those that all characters stay in, those that all but the delimiter stay in, those from which all but the delimiter lead
// on, and those from which each character leads on.
const SETS = [0, 1, 2] as const;
const SEGMENT_STAYS = MAX_WORDS;
const SEGMENT_LEADS = 2 * MAX_WORDS;
const FIRST_CHARACTER = 3;
// Of the codes that are no characters, those from here on have a next state.
const ADVANCES = SEGMENT.charCodeAt(0);

/** One or more parts in a row; only a single part is optional or repeated. */
interface Block {
  readonly parts: readonly Part[];
  readonly optional: boolean;
  readonly repeated: boolean;
}

/** The test of a text by a pattern. */
export interface TextTest {
  /** Its size: one for each character and wildcard after the text that it begins with. */
  readonly states: number;
  readonly texts: Texts;
  /** The most steps that a character may take. */
  readonly cost: number;
  /** What it takes in memory, in bytes. */
  readonly bytes: number;
  /** Whether it matches any text. */
  readonly matchesAll: boolean;
  test(text: string, meter?: Meter): boolean;
}

/** The compiled pattern of one component of a URL. */
export class Matcher implements TextTest {
  readonly texts: Texts;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #machine: Machine | undefined;

  constructor(parts: readonly Part[], dialect: Dialect) {
    const middle = [...parts];
    this.texts = textsOf(parts);
    this.#prefix = isText(middle[0]) ? (middle.shift()?.prefix ?? '') : '';
    this.#suffix = isText(middle.at(-1)) ? (middle.pop()?.prefix ?? '') : '';
    if (middle.length > 0) this.#machine = new Machine(middle, dialect.delimiter);
  }

  get states(): number {
    return this.#suffix.length + (this.#machine?.states ?? 0);
  }

  get cost(): number {
    return this.#machine?.cost ?? 0;
  }

  get bytes(): number {
    const { start, inner, end } = this.texts;
    const texts = start.length + inner.length + end.length;
    return texts + this.#prefix.length + this.#suffix.length + (this.#machine?.bytes ?? 0);
  }

  get matchesAll(): boolean {
    return this.#prefix === '' && this.#suffix === '' && this.#machine?.matchesAll === true;
  }

  test(text: string, meter?: Meter): boolean {
    if (meter) meter.steps += 1;
    if (!text.startsWith(this.#prefix)) return false;
    const start = this.#prefix.length;
    const end = text.length - this.#suffix.length;
    if (this.#machine === undefined) return start === end && text.endsWith(this.#suffix);
    return start <= end && text.endsWith(this.#suffix) && this.#machine.test(text, start, end, meter);
  }
}

function isText(part: Part | undefined): boolean {
  return part !== undefined && part.wildcard === undefined && !part.optional && !part.repeated;
}

/**
 * A nondeterministic automaton that is in all its states at once, so it never goes back: a character costs one operation for each 32
 * states and one for each edge that takes no character. A state is a place between two characters of the pattern. Each block begins and
 * ends with states of its own, because what it may skip or repeat concerns no other block.
 * Many machines are kept and few are used at a time, so that a machine is kept as a program, about as long as its pattern. It is loaded when it is used.
 */
class Machine {
  readonly matchesAll: boolean;
  readonly #last: number;
  /**
   * The states in their order, a Latin-1 text. A character of a URL leads on to the next state. So does any character but the delimiter (SEGMENT), or none
   * (NEXT). All characters stay (STAY), or all but the delimiter (STAY_IN_SEGMENT).
   */
  readonly #program: string;
  /** Pairs of states, in an order in which following each once is enough. */
  readonly #edges: readonly number[];
  readonly #delimiter: number;

  constructor(parts: readonly Part[], delimiter: string) {
    const plan = new Plan();
    for (const block of blocksOf(parts)) plan.add(block);
    const only = parts.length === 1 ? parts[0] : undefined;
    this.matchesAll = only?.wildcard === 'all' && only.prefix === '' && only.suffix === '';
    this.#last = plan.last;
    this.#program = plan.program.join('');
    // A copy, because a list that has grown has room for more.
    this.#edges = plan.edges.slice();
    this.#delimiter = delimiter === '' ? -1 : delimiter.charCodeAt(0);
  }

  get states(): number {
    return this.#last + 1;
  }

  get cost(): number {
    return wordsOf(this.#last) + this.#edges.length / 2;
  }

  /** What it takes in memory, in bytes. */
  get bytes(): number {
    return this.#program.length + 8 * this.#edges.length;
  }

  test(text: string, start: number, end: number, meter?: Meter): boolean {
    Machine.#load(this, meter);
    const words = wordsOf(this.#last);
    const edges = this.#edges;
    const sets = loaded;
    const active = new Int32Array(words);
    active[0] = 1;
    follow(active, edges);
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      if (code >= ASCII) return false;
      // Nothing of a segment takes the delimiter.
      const inSegment = code === this.#delimiter ? 0 : -1;
      const leads = (FIRST_CHARACTER + code) * MAX_WORDS;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < words; word++) {
        const states = active[word] ?? 0;
        if (states === 0 && carry === 0) continue;
        const led = states & ((sets[leads + word] ?? 0) | ((sets[SEGMENT_LEADS + word] ?? 0) & inSegment));
        const stays = (sets[word] ?? 0) | ((sets[SEGMENT_STAYS + word] ?? 0) & inSegment);
        const now = (led << 1) | carry | (states & stays);
        carry = led >>> 31;
        active[word] = now;
        alive |= now;
      }
      if (meter) meter.steps += this.cost;
      if (alive === 0) return false;
      follow(active, edges);
    }
    return has(active, this.#last);
  }

  /** Puts the program of a machine into sets of states, in the place of the one that was there. */
  static #load(machine: Machine, meter: Meter | undefined): void {
    if (owner === machine) return;
    if (owner) owner.#write(0);
    machine.#write(-1);
    owner = machine;
    if (meter) meter.steps += 2 * machine.states;
  }

  /** Sets or clears the bits of each state. */
  #write(bits: number): void {
    const program = this.#program;
    let state = 0;
    for (let at = 0; at < program.length; at++) {
      const code = program.charCodeAt(at);
      const number = code < ASCII ? FIRST_CHARACTER + code : SETS[code - ASCII];
      if (number !== undefined) {
        const word = number * MAX_WORDS + (state >>> 5);
        loaded[word] = bits === 0 ? 0 : (loaded[word] ?? 0) | (1 << (state & 31));
      }
      if (code < ASCII || code >= ADVANCES) state++;
    }
  }
}

/** The machine that is loaded, and its sets of states, one behind the other. */
let owner: Machine | undefined;
const loaded = new Int32Array((FIRST_CHARACTER + ASCII) * MAX_WORDS);

function wordsOf(last: number): number {
  return (last >>> 5) + 1;
}

/** What a machine is built from. States are numbered in the order of the pattern. */
class Plan {
  last = 0;
  readonly edges: number[] = [];
  readonly program: string[] = [];

  add({ parts, optional, repeated }: Block): void {
    const start = this.last;
    // What can be skipped must not also take characters where it starts
    const [first] = parts;
    const guarded = optional && first?.wildcard === 'all' && first.prefix === '';
    if (guarded) this.#next(NEXT);
    for (const { prefix, wildcard, suffix } of parts) {
      this.#addText(prefix);
      if (wildcard === 'segment') {
        this.#next(SEGMENT);
        this.program.push(STAY_IN_SEGMENT);
      } else if (wildcard === 'all') {
        this.program.push(STAY);
      }
      this.#addText(suffix);
    }
    const end = this.last;
    this.#next(NEXT);
    if (repeated) this.edges.push(end, start);
    if (guarded) this.edges.push(start, start + 1);
    if (optional) this.edges.push(start, this.last);
    if (!optional || !repeated) this.edges.push(end, this.last);
  }

  #next(code: string): void {
    this.program.push(code);
    this.last++;
  }

  #addText(text: string): void {
    if (text === '') return;
    this.program.push(text);
    this.last += text.length;
  }
}

/** Puts parts together that come once each, and leaves away modifiers that change nothing. */
function blocksOf(parts: readonly Part[]): readonly Block[] {
  const blocks: { parts: Part[]; optional: boolean; repeated: boolean }[] = [];
  for (const part of parts) {
    const bare = part.prefix === '' && part.suffix === '';
    const optional = part.optional && !(bare && part.wildcard === 'all');
    const repeated = part.repeated && !bare;
    const row = blocks.at(-1);
    if (optional || repeated || row === undefined || row.optional || row.repeated) {
      blocks.push({ parts: [part], optional, repeated });
    } else {
      row.parts.push(part);
    }
  }
  return blocks;
}

function follow(active: Int32Array, edges: readonly number[]): void {
  for (let edge = 0; edge < edges.length; edge += 2) {
    if (has(active, edges[edge] ?? 0)) set(active, edges[edge + 1] ?? 0);
  }
}

function has(bits: Int32Array, bit: number): boolean {
  return (((bits[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
}

function set(bits: Int32Array, bit: number): void {
  bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
}
