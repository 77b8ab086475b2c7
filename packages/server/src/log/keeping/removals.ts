/** An event that was removed. */
interface Removal {
  readonly seq: number;
  /** The number of the change that removed it. Later changes have higher numbers. */
  readonly at: number;
}

/**
 * Which events were removed, and when, as far as it can matter: an event that was removed no later than one with a higher sequence number is
 * left out. The sequence numbers fall and the numbers of the changes rise. Usually events are removed in the order of the log, and there is one.
 */
export type Removals = readonly Removal[];

export const NO_REMOVALS: Removals = [];

// Events that are removed in an order of their own, as retention by topic can do, are distinguished up to this number of them.
const MAX_REMOVALS = 8;

/** These removals and one more, unless its sequence number is 0. */
export function withRemoval(removals: Removals, seq: number, at: number): Removals {
  if (seq === 0 || hasRemoval(removals, seq, at)) return removals;
  const higher = removals.filter((one) => one.seq > seq && one.at < at);
  const later = removals.filter((one) => one.seq < seq && one.at > at);
  const all = [...higher, { seq, at }, ...later];
  const [first, second] = all;
  if (all.length <= MAX_REMOVALS || !first || !second) return all;
  // One event too many may be reported as missing, but never one too few.
  return [{ seq: first.seq, at: second.at }, ...all.slice(2)];
}

/** All of these removals and all of the others. */
export function joined(removals: Removals, others: Removals): Removals {
  return others.reduce((all, { seq, at }) => withRemoval(all, seq, at), removals);
}

/** Whether these removals say all that the others do. */
export function covers(removals: Removals, others: Removals): boolean {
  return others.every(({ seq, at }) => hasRemoval(removals, seq, at));
}

/** The number of the last change that removed an event after a sequence number; 0 if none did. */
export function lastChange(removals: Removals, after: number): number {
  return removals.findLast(({ seq }) => seq > after)?.at ?? 0;
}

/** Whether an event with this sequence number or a higher one was removed by this change or a later one. */
function hasRemoval(removals: Removals, seq: number, at: number): boolean {
  return removals.some((one) => one.seq >= seq && one.at >= at);
}
