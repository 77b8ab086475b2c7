import type { Part } from './parts.ts';
import type { Dialect } from './syntax.ts';

/** Counts the work of matching, in steps of about a nanosecond. */
export interface Meter {
  steps: number;
}

const ASCII = 128;

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
 */
class Machine {
  readonly matchesAll: boolean;
  readonly #words: number;
  readonly #last: number;
  /** For each character, the states from which it leads on to the next state. */
  readonly #leads: Int32Array[];
  /** The states that a character does not leave: of the delimiter, and of all others. */
  readonly #staysAtDelimiter: Int32Array;
  readonly #stays: Int32Array;
  /** Pairs of states, in an order in which following each once is enough. */
  readonly #edges: Int32Array;
  readonly #delimiter: number;

  constructor(parts: readonly Part[], delimiter: string) {
    const plan = new Plan();
    for (const block of blocksOf(parts)) plan.add(block);
    const only = parts.length === 1 ? parts[0] : undefined;
    this.matchesAll = only?.wildcard === 'all' && only.prefix === '' && only.suffix === '';
    this.#last = plan.last;
    this.#words = (plan.last >>> 5) + 1;
    this.#edges = Int32Array.from(plan.edges);
    this.#delimiter = delimiter === '' ? -1 : delimiter.charCodeAt(0);
    const segment = this.#bits(plan.segments);
    this.#staysAtDelimiter = this.#bits(plan.staying);
    this.#stays = this.#bits([...plan.staying, ...plan.stayingInSegment]);
    this.#leads = Array.from({ length: ASCII }, () => segment);
    if (this.#delimiter >= 0) this.#leads[this.#delimiter] = this.#bits([]);
    for (const [code, states] of plan.characters) {
      this.#leads[code] = this.#bits(code === this.#delimiter ? states : [...plan.segments, ...states]);
    }
  }

  get states(): number {
    return this.#last + 1;
  }

  get cost(): number {
    return this.#words + this.#edges.length / 2;
  }

  test(text: string, start: number, end: number, meter?: Meter): boolean {
    const words = this.#words;
    const edges = this.#edges;
    const active = new Int32Array(words);
    active[0] = 1;
    follow(active, edges);
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at);
      const leads = this.#leads[code];
      if (leads === undefined) return false;
      const stays = code === this.#delimiter ? this.#staysAtDelimiter : this.#stays;
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < words; word++) {
        const states = active[word] ?? 0;
        const led = states & (leads[word] ?? 0);
        const now = (led << 1) | carry | (states & (stays[word] ?? 0));
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

  #bits(states: readonly number[]): Int32Array {
    const bits = new Int32Array(this.#words);
    for (const state of states) set(bits, state);
    return bits;
  }
}

/** What a machine is built from. States are numbered in the order of the pattern. */
class Plan {
  last = 0;
  readonly edges: number[] = [];
  readonly characters = new Map<number, number[]>();
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
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      const states = this.characters.get(code);
      if (states === undefined) this.characters.set(code, [this.last]);
      else states.push(this.last);
      this.last++;
    }
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

function follow(active: Int32Array, edges: Int32Array): void {
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
