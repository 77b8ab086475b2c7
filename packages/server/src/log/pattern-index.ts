import { addressOf, type CompiledPattern, RESOLVE_STEPS } from './pattern.ts';
import type { Meter } from './pattern/machine.ts';

// What it costs to look a text up, in the steps of a meter.
const LOOKUP_STEPS = 64;

/** Values by a text, and by how long that is, so that those are found whose text is a part of another one. */
class ByText<Value> {
  readonly #lengths = new Map<number, Map<string, Value>>();

  get size(): number {
    return this.#lengths.size;
  }

  get(text: string): Value | undefined {
    return this.#lengths.get(text.length)?.get(text);
  }

  set(text: string, value: Value): void {
    const values = this.#lengths.get(text.length);
    if (values) values.set(text, value);
    else this.#lengths.set(text.length, new Map([[text, value]]));
  }

  delete(text: string): void {
    const values = this.#lengths.get(text.length);
    values?.delete(text);
    if (values?.size === 0) this.#lengths.delete(text.length);
  }

  /** The values of all lengths. `part` cuts a text of a length out of the other one. */
  *found(part: (length: number) => string): Iterable<Value> {
    for (const [length, values] of this.#lengths) {
      const value = values.get(part(length));
      if (value !== undefined) yield value;
    }
  }
}

/** Owners, by the text with which the path of a topic has to end. */
type Ends<Owner> = ByText<Set<Owner>>;

/** Patterns and their owners, found by the beginning and the end of a topic, so that a topic is tested against few of many patterns. */
export class PatternIndex<Owner> {
  /** By the patterns' bases without their hosts, and by the text with which a path has to begin. */
  readonly #bases = new Map<string, ByText<Ends<Owner>>>();

  add({ base, start, end }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    let starts = this.#bases.get(place);
    if (!starts) this.#bases.set(place, (starts = new ByText<Ends<Owner>>()));
    let ends = starts.get(start);
    if (!ends) starts.set(start, (ends = new ByText<Set<Owner>>()));
    const owners = ends.get(end);
    if (owners) owners.add(owner);
    else ends.set(end, new Set([owner]));
  }

  /** Removes an owner with all of its patterns that begin and end like this one. */
  delete({ base, start, end }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    const starts = this.#bases.get(place);
    const ends = starts?.get(start);
    const owners = ends?.get(end);
    if (!starts || !ends || !owners?.delete(owner)) return;
    if (owners.size === 0) ends.delete(end);
    if (ends.size === 0) starts.delete(start);
    if (starts.size === 0) this.#bases.delete(place);
  }

  /** The owners that may have a pattern that matches the topic, each once. No other owner has one. */
  of(topic: string, meter?: Meter): ReadonlySet<Owner> {
    const found = new Set<Owner>();
    for (const [base, starts] of this.#bases) {
      if (meter) meter.steps += RESOLVE_STEPS + starts.size * LOOKUP_STEPS;
      const path = addressOf(topic, base)?.pathname;
      if (path === undefined) continue;
      for (const ends of starts.found((length) => path.slice(0, length))) {
        if (meter) meter.steps += ends.size * LOOKUP_STEPS;
        for (const owners of ends.found((length) => path.slice(Math.max(0, path.length - length)))) {
          for (const owner of owners) found.add(owner);
        }
      }
    }
    return found;
  }
}

/**
 * A base with one host for all: the path of a topic depends on the scheme and the path of its base alone, and clients may choose the name by which
 * they reach a hub.
 */
function withoutHost(base: string): string {
  if (last?.base === base) return last.place;
  const url = new URL(base);
  url.username = '';
  url.password = '';
  url.host = 'host.invalid';
  last = { base, place: url.href };
  return last.place;
}

// Patterns that come or go together mostly have the same base.
let last: { readonly base: string; readonly place: string } | undefined;
