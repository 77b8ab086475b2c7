import type { Selector, TopicTest } from '../selection.ts';
import { covers, joined, NO_REMOVALS, type Removals } from './removals.ts';
import type { Removed, RemovedShared } from './removed.ts';
import { sharedWith, type Trimmed, unlistedOf } from './trimmed.ts';
import type { Turn } from './turns.ts';

/** How far a selection has been trimmed. */
export interface Answer {
  /** The highest sequence number of a selected event that has been trimmed; 0 if none has. */
  readonly through: number;
  /** What was removed of the selection since the ledger was made. */
  readonly removals: Removals;
  /** The highest sequence number at which a selected topic was deleted; 0 if none was. */
  readonly deleted: number;
}

/** An answer that is being found, or brought up to date. */
export interface Known extends Answer {
  through: number;
  removals: Removals;
  deleted: number;
  /** The number of changes that it takes into account. It is not complete while there is a rest. */
  changes: number;
  /** The topics that are still to be examined, and their number. Topics that change meanwhile are among the changes. */
  rest: Iterator<string> | undefined;
  left: number;
}

/** What is known of the topics. */
export interface TrimFacts {
  of(topic: string): Trimmed;
  removedOf(topic: string): Removed;
}

// What looking at another topic of private events costs, in the steps of a turn, without the tests of patterns.
const OTHER_STEPS = 32;

// Guards the time of an answer against a selection with the private events of very many topics: beyond that they are not asked one by one.
const MAX_ASKED = 64;

/** Whether an answer says all that has been trimmed of a topic, for whom it may be. */
export function isTaken(known: Answer, topic: string, facts: TrimFacts): boolean {
  const { all, deleted = 0, shared = 0 } = facts.of(topic);
  const removed = facts.removedOf(topic);
  return (
    deleted <= known.deleted &&
    isKnown(known, all, removed.all) &&
    (shared === 0 || isKnown(known, shared, removed.shared?.all ?? NO_REMOVALS))
  );
}

/** Takes what has been trimmed of a topic, which is one of the selection's, into an answer. */
export function takeTopic(
  known: Known,
  topic: string,
  { topics, private: seen }: Selector,
  facts: TrimFacts,
  turn: Turn,
): void {
  const trimmed = facts.of(topic);
  const removed = facts.removedOf(topic);
  const { deleted = 0, publicDeleted = 0 } = trimmed;
  const seesAll = topics.isAll || seen.has(topic, turn);
  known.deleted = Math.max(known.deleted, seesAll ? deleted : publicDeleted);
  if (seesAll) return take(known, trimmed.all, removed.all);
  take(known, trimmed.public, removed.public);
  if (trimmed.shared && !seen.isEmpty) takeShared(known, topic, seen, facts, turn);
}

/** Takes the private events of a topic that had other topics, too, if the private events of one of those are seen. */
function takeShared(known: Known, topic: string, seen: TopicTest, facts: TrimFacts, turn: Turn): void {
  const sharedOf = (name: string): RemovedShared | undefined => facts.removedOf(name).shared;
  const trimmed = facts.of(topic);
  const removed = sharedOf(topic);
  const removedUnlisted = removed?.unlisted ?? NO_REMOVALS;
  for (const [other, seq] of trimmed.others ?? []) {
    turn.steps += OTHER_STEPS;
    const removals = removed?.others.get(other) ?? NO_REMOVALS;
    if (!isKnown(known, seq, removals) && seen.has(other, turn)) take(known, seq, removals);
  }
  const unlisted = unlistedOf(trimmed);
  if (isKnown(known, unlisted, removedUnlisted)) return;
  if (!seen.isExact || seen.exact.size > MAX_ASKED) return take(known, unlisted, removedUnlisted);
  // Those that the topic does not list may list the topic.
  for (const other of seen.exact) {
    turn.steps += OTHER_STEPS;
    if (sharedWith(trimmed, other) !== undefined) continue;
    const theirs = facts.of(other);
    const seq = sharedWith(theirs, topic);
    if (seq !== undefined) take(known, seq, sharedOf(other)?.others.get(topic) ?? NO_REMOVALS);
    else if (unlistedOf(theirs) > unlisted) take(known, unlisted, removedUnlisted);
    else take(known, unlistedOf(theirs), sharedOf(other)?.unlisted ?? NO_REMOVALS);
  }
}

function isKnown(known: Answer, through: number, removals: Removals): boolean {
  return through <= known.through && covers(known.removals, removals);
}

function take(known: Known, through: number, removals: Removals): void {
  known.through = Math.max(known.through, through);
  known.removals = joined(known.removals, removals);
}
