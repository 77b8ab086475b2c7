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
  /** By the other topics that are listed for the topic. Those of which nothing was removed since are missing. */
  readonly others: ReadonlyMap<string, Removals>;
  /** Of those of whose other topics some are not listed. */
  readonly unlisted: Removals;
}

export const NONE_SHARED: RemovedShared = { others: new Map(), unlisted: NO_REMOVALS };
export const NOTHING: Removed = { all: NO_REMOVALS, public: NO_REMOVALS };

/** The same after a change. @param at the number of the change @param after what is known of the topic after it */
export function removedBy(before: Removed, now: Trimmed, at: number, after: Trimmed = now): Removed {
  const all = withRemoval(before.all, now.all, at);
  return {
    all,
    // One list for all if nothing private was removed.
    public:
      before.public === before.all && now.public === now.all
        ? all
        : now.public > 0
          ? withRemoval(before.public, now.public, at)
          : before.public,
    shared: now.shared || (before.shared && !after.others) ? sharedBy(before.shared, now, at, after) : before.shared,
  };
}

function sharedBy(before: RemovedShared = NONE_SHARED, now: Trimmed, at: number, after: Trimmed): RemovedShared {
  const others = new Map(before.others);
  let { unlisted } = before;
  const add = (other: string, seq: number): void => {
    others.set(other, withRemoval(others.get(other) ?? NO_REMOVALS, seq, at));
  };
  for (const [other, seq] of now.others ?? []) add(other, seq);
  const rest = unlistedOf(now);
  if (rest > 0) {
    unlisted = withRemoval(unlisted, rest, at);
    // These events may have had each of the listed topics.
    for (const [other] of after.others ?? []) add(other, rest);
  }
  const listed = new Set(after.others?.map(([other]) => other));
  for (const [other, removals] of others) {
    if (listed.has(other)) continue;
    unlisted = joined(unlisted, removals);
    others.delete(other);
  }
  return { others, unlisted };
}
