import type { Trimmed } from './trimmed.ts';

/**
 * What it costs in memory to remember a topic, in bytes: its places in two maps, its numbers, and which of its events were removed; and the same for each of its
 * other topics. As measured. Nothing for a topic that is not remembered.
 */
export function costOf(topic: string, trimmed: Trimmed | undefined): number {
  if (!trimmed) return 0;
  const cost = 470 + 2 * topic.length;
  if (!trimmed.others) return cost;
  return trimmed.others.reduce((sum, [other]) => sum + 250 + 2 * other.length, cost + 400);
}

/** The same for a change: its place in the list, and the name, which may be remembered for nothing else. */
export function costOfChange(topic: string): number {
  return 48 + 2 * topic.length;
}
