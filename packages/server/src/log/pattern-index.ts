import { addressOf, type CompiledPattern, RESOLVE_STEPS } from './pattern.ts';
import type { Meter } from './pattern/machine.ts';

// What it costs to look a start up, in the steps of a meter.
const START_STEPS = 64;

/** Owners by the text with which the path of a topic has to begin. */
type Starts<Owner> = Map<string, Set<Owner>>;

/** Patterns and their owners, found by the beginning of a topic, so that a topic is tested against few of many patterns. */
export class PatternIndex<Owner> {
  /** By the patterns' bases without their hosts, and by how long the starts are. */
  readonly #bases = new Map<string, Map<number, Starts<Owner>>>();

  add({ base, start }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    let lengths = this.#bases.get(place);
    if (!lengths) this.#bases.set(place, (lengths = new Map<number, Starts<Owner>>()));
    let starts = lengths.get(start.length);
    if (!starts) lengths.set(start.length, (starts = new Map<string, Set<Owner>>()));
    const owners = starts.get(start);
    if (owners) owners.add(owner);
    else starts.set(start, new Set([owner]));
  }

  /** Removes an owner with all of its patterns. */
  delete({ base, start }: CompiledPattern, owner: Owner): void {
    const place = withoutHost(base);
    const lengths = this.#bases.get(place);
    const starts = lengths?.get(start.length);
    const owners = starts?.get(start);
    if (!lengths || !starts || !owners?.delete(owner)) return;
    if (owners.size === 0) starts.delete(start);
    if (starts.size === 0) lengths.delete(start.length);
    if (lengths.size === 0) this.#bases.delete(place);
  }

  /** The owners that may have a pattern that matches the topic, each once. No other owner has one. */
  of(topic: string, meter?: Meter): ReadonlySet<Owner> {
    const found = new Set<Owner>();
    for (const [base, lengths] of this.#bases) {
      if (meter) meter.steps += RESOLVE_STEPS + lengths.size * START_STEPS;
      const path = addressOf(topic, base)?.pathname;
      if (path === undefined) continue;
      for (const [length, starts] of lengths) {
        for (const owner of starts.get(path.slice(0, length)) ?? []) found.add(owner);
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
