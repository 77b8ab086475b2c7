import { joined, NO_REMOVALS, type Removals, withRemoval } from './removals.ts';
import { type Trimmed, unlistedOf } from './trimmed.ts';

/** Which events of a topic were removed since a ledger was made, for each number of {@link Trimmed}. */
export interface Removed {
  readonly all: Removals;
  readonly public: Removals;
  /** Undefined if no private event that had other topics, too, was removed. */
  readonly shared?: RemovedShared | undefined;
}

/** The same of its private events that had other topics, too. */
export interface RemovedShared {
  readonly all: Removals;
  /** By the other topics that are listed for the topic. Those of which nothing was removed since are missing. */
  readonly others: Map<string, Removals>;
  /** Of those of whose other topics some are not listed. */
  readonly unlisted: Removals;
}

export const NOTHING: Removed = { all: NO_REMOVALS, public: NO_REMOVALS };

/** The same after a change; what it was before is no longer to be used. @param at the number of the change @param after what is known of the topic after it */
export function removedBy(before: Removed, now: Trimmed, at: number, after: Trimmed = now): Removed {
  const all = withRemoval(before.all, now.all, at);
  return {
    all,
    // One list for all if nothing private was removed.
    public: before.public === before.all && now.public === now.all ? all : withRemoval(before.public, now.public, at),
    shared: now.shared || (before.shared && !after.others) ? sharedBy(before.shared, now, at, after) : before.shared,
  };
}

function sharedBy(before: RemovedShared = newShared(), now: Trimmed, at: number, after: Trimmed): RemovedShared {
  const { others } = before;
  const add = (other: string, seq: number): void => {
    others.set(other, withRemoval(others.get(other) ?? NO_REMOVALS, seq, at));
  };
  for (const [other, seq] of now.others ?? []) add(other, seq);
  const rest = unlistedOf(now);
  let unlisted = withRemoval(before.unlisted, rest, at);
  // These events may have had each of the listed topics.
  if (rest > 0) for (const [other] of after.others ?? []) add(other, rest);
  for (const [other, removals] of others) {
    if (after.others?.some(([listed]) => listed === other) === true) continue;
    unlisted = joined(unlisted, removals);
    others.delete(other);
  }
  return { all: withRemoval(before.all, now.shared ?? 0, at), others, unlisted };
}

function newShared(): RemovedShared {
  return { all: NO_REMOVALS, others: new Map(), unlisted: NO_REMOVALS };
}
