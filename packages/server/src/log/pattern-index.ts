import { addressOf, type CompiledPattern, RESOLVE_STEPS } from './pattern.ts';
import type { Meter } from './pattern/machine.ts';

// What it costs to look a text up, in the steps of a meter.
const LOOKUP_STEPS = 64;

/** Values by a text, and by how long that is, so that those are found whose text is a part of another one. */
class ByText<Value> {
  readonly #lengths = new Map<number, Map<string, Value>>();

  get isEmpty(): boolean {
    return this.#lengths.size === 0;
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

  /** Those whose text is a part of another one that `part` cuts out, by its length. */
  *cut(part: (length: number) => string, meter: Meter | undefined): Iterable<Value> {
    if (meter) meter.steps += this.#lengths.size * LOOKUP_STEPS;
    for (const [length, values] of this.#lengths) {
      const value = values.get(part(length));
      if (value !== undefined) yield value;
    }
  }

  /** Those whose text is anywhere in another one, some of them several times. */
  *within(text: string, meter: Meter | undefined): Iterable<Value> {
    for (const [length, values] of this.#lengths) {
      const places = text.length - length + 1;
      if (meter) meter.steps += Math.max(1, Math.min(places, values.size)) * LOOKUP_STEPS;
      if (values.size < places) {
        for (const [part, value] of values) if (text.includes(part)) yield value;
        continue;
      }
      // There are so many that it is less to look up all parts of this length.
      for (let at = 0; at < places; at += 1) {
        const value = values.get(text.slice(at, at + length));
        if (value !== undefined) yield value;
      }
    }
  }
}

/** Owners of patterns whose texts begin and end alike, by the text that those have somewhere. */
type Inners<Owner> = ByText<Set<Owner>>;

type Ends<Owner> = ByText<Inners<Owner>>;

/** Patterns and their owners, found by the texts that a topic has to have, so that a topic is tested against few of many patterns. */
export class PatternIndex<Owner> {
  /** By the patterns' bases without their hosts, and by the text with which a path has to begin. */
  readonly #bases = new Map<string, ByText<Ends<Owner>>>();

  add({ base, texts: { start, inner, end } }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    let starts = this.#bases.get(place);
    if (!starts) this.#bases.set(place, (starts = new ByText<Ends<Owner>>()));
    let ends = starts.get(start);
    if (!ends) starts.set(start, (ends = new ByText<Inners<Owner>>()));
    let inners = ends.get(end);
    if (!inners) ends.set(end, (inners = new ByText<Set<Owner>>()));
    const owners = inners.get(inner);
    if (owners) owners.add(owner);
    else inners.set(inner, new Set([owner]));
  }

  /** Removes an owner with all of its patterns that have the same texts as this one. */
  delete({ base, texts: { start, inner, end } }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    const starts = this.#bases.get(place);
    const ends = starts?.get(start);
    const inners = ends?.get(end);
    const owners = inners?.get(inner);
    if (!starts || !ends || !inners || !owners?.delete(owner)) return;
    if (owners.size === 0) inners.delete(inner);
    if (inners.isEmpty) ends.delete(end);
    if (ends.isEmpty) starts.delete(start);
    if (starts.isEmpty) this.#bases.delete(place);
  }

  /** The owners that may have a pattern that matches the topic, each once. No other owner has one. */
  of(topic: string, meter?: Meter): ReadonlySet<Owner> {
    const found = new Set<Owner>();
    for (const [base, starts] of this.#bases) {
      if (meter) meter.steps += RESOLVE_STEPS;
      const path = addressOf(topic, base)?.pathname;
      if (path === undefined) continue;
      for (const ends of starts.cut((length) => path.slice(0, length), meter)) {
        for (const inners of ends.cut((length) => path.slice(Math.max(0, path.length - length)), meter)) {
          for (const owners of inners.within(path, meter)) for (const owner of owners) found.add(owner);
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
