import type { Part } from './parts.ts';
import type { Dialect } from './syntax.ts';

/** Counts the work of matching, in steps of about a nanosecond. */
export interface Meter {
  steps: number;
}

// The characters that URLs have are these 96, `!` to `~` among them.
const FIRST = 32;
const PER_ROW = 10;
const ROWS = 10;

// Where the sets of a machine begin that are not of characters.
const SEGMENT_LEADS = 2 * ROWS;
const SEGMENT_STAYS = SEGMENT_LEADS + 1;
const STAYS = SEGMENT_LEADS + 2;

/** One or more parts in a row; only a single part is optional or repeated. */
interface Block {
  readonly parts: readonly Part[];
  readonly optional: boolean;
  readonly repeated: boolean;
}

/** The compiled pattern of one component of a URL. */
export class Matcher {
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #machine: Machine | undefined;

  constructor(parts: readonly Part[], dialect: Dialect) {
    const middle = [...parts];
    this.#prefix = isText(middle[0]) ? (middle.shift()?.prefix ?? '') : '';
    this.#suffix = isText(middle.at(-1)) ? (middle.pop()?.prefix ?? '') : '';
    if (middle.length > 0) this.#machine = new Machine(middle, dialect.delimiter);
  }

  /** Its size: one for each character and wildcard after the text that it begins with. */
  get states(): number {
    return this.#suffix.length + (this.#machine?.states ?? 0);
  }

  /** The text that begins every text that it matches. */
  get start(): string {
    return this.#prefix;
  }

  /** The most steps that a character may take. */
  get cost(): number {
    return this.#machine?.cost ?? 0;
  }

  /** What it takes in memory, in bytes. */
  get bytes(): number {
    return this.#prefix.length + this.#suffix.length + (this.#machine?.bytes ?? 0);
  }

  /** Whether it matches any text. */
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
 *
 * It takes 23 bits for each state, because many may be kept. The states from which a character leads on are those in two of the sets:
 * that of its number divided by 10 and that of the remainder.
 */
class Machine {
  readonly matchesAll: boolean;
  readonly #words: number;
  readonly #last: number;
  /**
   * Sets of states, one behind the other: those that wait for characters of a quotient, those that wait for characters of a remainder, those from
   * which any character but the delimiter leads on, those that only other characters than the delimiter do not leave, those that no character leaves.
   */
  readonly #sets: Int32Array;
  /** Pairs of states, in an order in which following each once is enough. */
  readonly #edges: readonly number[];
  readonly #delimiter: number;

  constructor(parts: readonly Part[], delimiter: string) {
    const plan = new Plan();
    for (const block of blocksOf(parts)) plan.add(block);
    const only = parts.length === 1 ? parts[0] : undefined;
    this.matchesAll = only?.wildcard === 'all' && only.prefix === '' && only.suffix === '';
    this.#last = plan.last;
    this.#words = (plan.last >>> 5) + 1;
    // A copy, because a list that has grown has room for more.
    this.#edges = plan.edges.slice();
    this.#delimiter = delimiter === '' ? -1 : delimiter.charCodeAt(0) - FIRST;
    this.#sets = new Int32Array((SEGMENT_LEADS + 3) * this.#words);
    const { characters } = plan;
    for (let at = 0; at < characters.length; at += 2) {
      const state = characters[at] ?? 0;
      const character = characters[at + 1] ?? 0;
      this.#put(Math.trunc(character / PER_ROW), state);
      this.#put(ROWS + (character % PER_ROW), state);
    }
    for (const state of plan.segments) this.#put(SEGMENT_LEADS, state);
    for (const state of plan.stayingInSegment) this.#put(SEGMENT_STAYS, state);
    for (const state of plan.staying) this.#put(STAYS, state);
  }

  get states(): number {
    return this.#last + 1;
  }

  get cost(): number {
    return this.#words + this.#edges.length / 2;
  }

  /** What it takes in memory, in bytes. */
  get bytes(): number {
    return 4 * this.#sets.length + 8 * this.#edges.length;
  }

  test(text: string, start: number, end: number, meter?: Meter): boolean {
    const words = this.#words;
    const edges = this.#edges;
    const sets = this.#sets;
    const active = new Int32Array(words);
    active[0] = 1;
    follow(active, edges);
    for (let at = start; at < end; at++) {
      const character = text.charCodeAt(at) - FIRST;
      if (character < 0 || character >= PER_ROW * ROWS) return false;
      // Nothing of a segment takes the delimiter.
      const inSegment = character === this.#delimiter ? 0 : -1;
      let quotient = Math.trunc(character / PER_ROW) * words;
      let remainder = (ROWS + (character % PER_ROW)) * words;
      let segment = SEGMENT_LEADS * words;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < words; word++, quotient++, remainder++, segment++) {
        const states = active[word] ?? 0;
        if (states === 0 && carry === 0) continue;
        const leads = ((sets[quotient] ?? 0) & (sets[remainder] ?? 0)) | ((sets[segment] ?? 0) & inSegment);
        const stays = (sets[segment + 2 * words] ?? 0) | ((sets[segment + words] ?? 0) & inSegment);
        const led = states & leads;
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

  #put(number: number, state: number): void {
    const word = number * this.#words + (state >>> 5);
    this.#sets[word] = (this.#sets[word] ?? 0) | (1 << (state & 31));
  }
}

/** What a machine is built from. States are numbered in the order of the pattern. */
class Plan {
  last = 0;
  readonly edges: number[] = [];
  /** Pairs: a state from which one character leads on, and the number of that among those of URLs. */
  readonly characters: number[] = [];
  /** From these, any character but the delimiter leads on. */
  readonly segments: number[] = [];
  readonly staying: number[] = [];
  readonly stayingInSegment: number[] = [];

  add({ parts, optional, repeated }: Block): void {
    const start = this.last;
    // What can be skipped must not also take characters where it starts
    const [first] = parts;
    const guarded = optional && first?.wildcard === 'all' && first.prefix === '';
    if (guarded) this.last++;
    for (const { prefix, wildcard, suffix } of parts) {
      this.#addText(prefix);
      if (wildcard === 'segment') {
        this.segments.push(this.last++);
        this.stayingInSegment.push(this.last);
      } else if (wildcard === 'all') {
        this.staying.push(this.last);
      }
      this.#addText(suffix);
    }
    const end = this.last++;
    if (repeated) this.edges.push(end, start);
    if (guarded) this.edges.push(start, start + 1);
    if (optional) this.edges.push(start, this.last);
    if (!optional || !repeated) this.edges.push(end, this.last);
  }

  #addText(text: string): void {
    for (let at = 0; at < text.length; at++) this.characters.push(this.last++, text.charCodeAt(at) - FIRST);
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
