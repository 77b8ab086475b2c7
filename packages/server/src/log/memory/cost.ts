import type { LogEntry } from '../entry.ts';

// What things cost in memory, in bytes: objects, their places in lists and maps, and what collecting garbage needs beside them. Measured with
// Node 20 to 26 on x64, and rounded up.
const ENTRY = 800;
const OWN_ID = 500;
/** What it costs that an entry is in a list. */
export const MEMBERSHIP = 32;
// Its places among all topics and among those with public events, which there are once there are private ones.
const TOPIC = 1300;
const KEY = 500;
// Its state, options and lease, and its places in a map and in the order of what is due.
const STATE = 700;

/** What an entry costs, beside its topics. */
export function costOfEntry(entry: LogEntry, isNamed: boolean): number {
  const { id, topics, frame, latestKey } = entry;
  const names = (isNamed ? OWN_ID + costOfText(id) : 0) + (latestKey === undefined ? 0 : costOfText(latestKey));
  return ENTRY + frame.length + topics.length * MEMBERSHIP + names;
}

/** What a topic costs for as long as any of its entries is kept. */
export function costOfTopic(name: string): number {
  return TOPIC + costOfText(name);
}

/** What it costs to remember more of a topic than its entries. */
export function costOfState(topic: string): number {
  return STATE + costOfText(topic);
}

/** What it costs to remember a text, and something short about it. */
export function costOfKey(key: string, about: string = ''): number {
  return KEY + costOfText(key) + costOfText(about);
}

/** What a list of the entries of a type costs, beside those. */
export function costOfList(type: string): number {
  return KEY + costOfText(type);
}

function costOfText(text: string): number {
  return 2 * text.length;
}
