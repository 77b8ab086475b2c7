import type { LogEntry } from '../entry.ts';

/** Another topic of private events that were removed, and the highest sequence number of those. */
export type SharedWith = readonly [topic: string, seq: number];

/** How far a topic has been trimmed, as sequence numbers; 0 if nothing has been. */
export interface Trimmed {
  /** The highest one of all its events that were removed. */
  readonly all: number;
  /** The highest one of its public events that were removed. */
  readonly public: number;
  /** The highest one of its removed private events that had other topics, too, whose listeners might have had a right to it. @default 0 */
  readonly shared?: number;
  /** The other topics of those events, the one of the newest event first. None of the numbers is lower than `unlisted`. @default none */
  readonly others?: readonly SharedWith[];
  /** The highest one of those events of whose other topics some are not listed. @default `shared` */
  readonly unlisted?: number;
  /** The highest one at which it was deleted. @default 0 */
  readonly deleted?: number;
  /** The same of deletions of which those know who see only public events. @default 0 */
  readonly publicDeleted?: number;
}

/** What is told of an event that is removed, or of the deletion of a topic. */
export interface RemovedEntry extends Pick<LogEntry, 'seq' | 'topics' | 'private' | 'deletes'> {
  /**
   * One of its topics, which is deleted. Then it stands for what that takes from those who got it by this topic and another: the deletion tells the others of this
   * topic, and those of the other topics are told when the event is removed.
   */
  readonly leaves?: string | undefined;
}

/** Nothing. */
export const NONE: Trimmed = { all: 0, public: 0 };

// Guards the memory, and the time that a removal takes, against a topic whose private events are shared with very many others. What is known
// of the others of such a topic tells more: for them it is mostly the only one.
const MAX_OTHERS = 16;

// The same against long names, in UTF-16 code units of all names together.
const MAX_OTHERS_LENGTH = 4096;

export function isSame(one: Trimmed, other: Trimmed): boolean {
  const names = ['all', 'public', 'shared', 'deleted', 'publicDeleted'] as const;
  if (names.some((name) => (one[name] ?? 0) !== (other[name] ?? 0))) return false;
  if (unlistedOf(one) !== unlistedOf(other)) return false;
  const [others = [], rest = []] = [one.others, other.others];
  return (
    others.length === rest.length && others.every(([topic, seq], at) => rest[at]?.[0] === topic && rest[at][1] === seq)
  );
}

/** The highest number of the removed private events that had other topics than those that are listed. */
export function unlistedOf({ shared = 0, unlisted = shared }: Trimmed): number {
  return unlisted;
}

/** The highest number of the removed private events that had another topic, too; undefined if it is not listed. */
export function sharedWith({ others }: Trimmed, other: string): number | undefined {
  return others?.find(([topic]) => topic === other)?.[1];
}

/** The higher numbers of two, and the other topics of both. */
export function highest(one: Trimmed, other: Trimmed): Trimmed {
  const numbers = highestNumbers(one, other);
  return one.others || other.others ? { ...numbers, ...joinedOthers(one, other) } : numbers;
}

/** The higher numbers of two different topics. */
export function highestNumbers(one: Trimmed, other: Trimmed): Trimmed {
  const trimmed = {
    all: Math.max(one.all, other.all),
    public: Math.max(one.public, other.public),
    shared: Math.max(one.shared ?? 0, other.shared ?? 0),
  };
  const deleted = Math.max(one.deleted ?? 0, other.deleted ?? 0);
  if (deleted === 0) return trimmed;
  return { ...trimmed, deleted, publicDeleted: Math.max(one.publicDeleted ?? 0, other.publicDeleted ?? 0) };
}

/** What removing entries takes from each topic, with all other topics of its private events, unless an event has very many. */
export function removedOf(entries: readonly RemovedEntry[]): Map<string, Trimmed> {
  const removed = new Map<string, Trimmed>();
  const shared = new Map<string, Shared>();
  for (const { seq, topics, private: isPrivate, deletes, leaves } of entries) {
    if (leaves !== undefined) {
      const others = isPrivate ? topics.filter((topic) => topic !== leaves) : [];
      for (const other of others) noteShared(shared, seq, [leaves, other]);
      continue;
    }
    const publicSeq = isPrivate ? 0 : seq;
    const isShared = isPrivate && topics.length > 1;
    const ofEvent = { all: seq, public: publicSeq };
    const one = deletes === true ? { ...ofEvent, deleted: seq, publicDeleted: publicSeq } : ofEvent;
    for (const topic of topics) removed.set(topic, highestNumbers(removed.get(topic) ?? NONE, one));
    if (isShared) noteShared(shared, seq, topics);
  }
  for (const [topic, { others, unlisted }] of shared) {
    const listed = newestFirst(others);
    const highestShared = Math.max(unlisted, listed[0]?.[1] ?? 0);
    removed.set(topic, { ...(removed.get(topic) ?? NONE), shared: highestShared, others: listed, unlisted });
  }
  return removed;
}

interface Shared {
  readonly others: Map<string, number>;
  unlisted: number;
}

function noteShared(shared: Map<string, Shared>, seq: number, topics: readonly string[]): void {
  for (const topic of topics) {
    let known = shared.get(topic);
    if (!known) shared.set(topic, (known = { others: new Map(), unlisted: 0 }));
    if (topics.length > MAX_OTHERS + 1) known.unlisted = Math.max(known.unlisted, seq);
    else for (const other of topics) if (other !== topic) known.others.set(other, higher(known.others, other, seq));
  }
}

type Others = Pick<Trimmed, 'others' | 'unlisted'>;

/** Joins two lists that are sorted by their numbers. A topic that is in both counts with its higher number, which comes first. */
function joinedOthers(one: Trimmed, other: Trimmed): Others {
  // The one of a public event has nothing to add.
  if (!other.others && unlistedOf(other) === 0) return { others: one.others ?? [], unlisted: unlistedOf(one) };
  const [some = [], more = []] = [one.others, other.others];
  const unlisted = Math.max(unlistedOf(one), unlistedOf(other));
  const others: SharedWith[] = [];
  let length = 0;
  for (let [at, from] = [0, 0]; at < some.length || from < more.length;) {
    const [left, right] = [some[at], more[from]];
    const next = !left || (right && right[1] >= left[1]) ? right : left;
    if (next === left) at += 1;
    else from += 1;
    // An event that is not listed may have had this topic, too.
    if (!next || next[1] < unlisted) break;
    const [topic, seq] = next;
    if (others.some(([listed]) => listed === topic)) continue;
    length += topic.length;
    if (others.length === MAX_OTHERS || length > MAX_OTHERS_LENGTH) return { others, unlisted: seq };
    others.push(next);
  }
  return { others, unlisted };
}

function higher(seqs: ReadonlyMap<string, number>, topic: string, seq: number): number {
  return Math.max(seq, seqs.get(topic) ?? 0);
}

function newestFirst(seqs: ReadonlyMap<string, number>): SharedWith[] {
  return [...seqs].toSorted(([, one], [, other]) => other - one);
}
