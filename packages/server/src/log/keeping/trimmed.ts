/** How far a topic has been trimmed, as sequence numbers; 0 if nothing has been. */
export interface Trimmed {
  /** The highest one of all its events that were removed. */
  readonly all: number;
  /** The highest one of its public events that were removed. */
  readonly public: number;
  /** The highest one of its removed private events that had other topics, too, whose listeners might have had a right to it. @default 0 */
  readonly shared?: number;
  /** The highest one at which it was deleted. @default 0 */
  readonly deleted?: number;
  /** The same of deletions of which those know who see only public events. @default 0 */
  readonly publicDeleted?: number;
}

/** Nothing. */
export const NONE: Trimmed = { all: 0, public: 0 };

export function isSame(one: Trimmed, other: Trimmed): boolean {
  const names = ['all', 'public', 'shared', 'deleted', 'publicDeleted'] as const;
  return names.every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** The higher numbers of two. */
export function highest(one: Trimmed, other: Trimmed): Trimmed {
  const trimmed = {
    all: Math.max(one.all, other.all),
    public: Math.max(one.public, other.public),
    shared: Math.max(one.shared ?? 0, other.shared ?? 0),
  };
  const deleted = Math.max(one.deleted ?? 0, other.deleted ?? 0);
  if (deleted === 0) return trimmed;
  return { ...trimmed, deleted, publicDeleted: Math.max(one.publicDeleted ?? 0, other.publicDeleted ?? 0) };
}
