import type { CompiledPattern } from '../log/pattern.ts';
import type { Selector } from '../log/selection.ts';

// What a topic of a selection takes in memory beside its name, and what a pattern takes once more for each listener that has it: places in lists and
// indexes, in bytes.
const TOPIC_BYTES = 256;
const USE_BYTES = 64;

const NO_PATTERNS: readonly CompiledPattern[] = [];

/** What one listener asks for, as it is counted. */
export interface CountedMatchers {
  readonly patterns: readonly CompiledPattern[];
  /** What its topics and its places in indexes take, in bytes. */
  readonly bytes: number;
}

/** What the matchers of all listeners take in memory. A pattern that several listeners have is counted once. */
export class MatcherMemory {
  readonly #uses = new Map<CompiledPattern, number>();
  #bytes = 0;

  /** In bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes more there would be with these matchers. */
  more({ patterns, bytes }: CountedMatchers): number {
    return patterns.reduce((sum, pattern) => sum + (this.#uses.has(pattern) ? 0 : pattern.bytes), bytes);
  }

  add(matchers: CountedMatchers): void {
    this.#bytes += this.more(matchers);
    for (const pattern of matchers.patterns) this.#uses.set(pattern, (this.#uses.get(pattern) ?? 0) + 1);
  }

  delete({ patterns, bytes }: CountedMatchers): void {
    this.#bytes -= bytes;
    for (const pattern of patterns) {
      const uses = (this.#uses.get(pattern) ?? 0) - 1;
      if (uses > 0) this.#uses.set(pattern, uses);
      else {
        this.#uses.delete(pattern);
        this.#bytes -= pattern.bytes;
      }
    }
  }
}

const counted = new WeakMap<Selector, CountedMatchers>();

/** The matchers of a selection, as they are counted: one object for all listeners that have it. The types that it wants are counted as topics are. */
export function countMatchers(selector: Selector): CountedMatchers {
  let matchers = counted.get(selector);
  if (!matchers) counted.set(selector, (matchers = count(selector)));
  return matchers;
}

function count({ topics: { exact, patterns }, types }: Selector): CountedMatchers {
  let bytes = USE_BYTES * patterns.length;
  for (const topic of exact) bytes += TOPIC_BYTES + 2 * topic.length;
  for (const type of types ?? []) bytes += TOPIC_BYTES + 2 * type.length;
  return { patterns: patterns.length === 0 ? NO_PATTERNS : patterns, bytes };
}
