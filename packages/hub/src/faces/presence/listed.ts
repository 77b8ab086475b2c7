/** The place of a listener among those of all processes of a hub. */
export interface ListenerPlace {
  /** The number of its process; 0 for a hub of one process. */
  readonly process: number;
  /** Its number there. */
  readonly number: number;
}

/** A listener as others are told of it. */
export interface ListedListener extends ListenerPlace {
  readonly subject: string | undefined;
  /** When it came, milliseconds since 1970. */
  readonly since: number;
}

/** Those who listen to a topic, or some of them: those of one process after the other. */
export interface ListedPage {
  /** How many listen to the topic. */
  readonly count: number;
  readonly listeners: readonly ListedListener[];
  /** Whether no others follow. */
  readonly isLast: boolean;
}

/** Is told of the listeners of one topic. A method may not throw. */
export interface ListedObserver {
  onCome(listed: ListedListener): void;
  onGo(listed: ListedListener): void;
  /** All listeners have other places from now on: what it was told of them is worth nothing. */
  onAnew(): void;
}

/** Tells an observer of the listeners of one topic until it ends. */
export interface ListedWatch {
  /** Finds those that have come. */
  refresh(): Promise<void>;
  /** Those behind a place, as far as they have been found. What the observer is told from now on is not on the page. */
  page(after: ListenerPlace, limit: number): ListedPage;
  end(): void;
}

/** Before all places. */
export const BEGINNING: ListenerPlace = { process: 0, number: 0 };

/** Negative if one is before the other. */
export function comparePlaces(one: ListenerPlace, other: ListenerPlace): number {
  return one.process - other.process || one.number - other.number;
}

/** Puts pages together that begin behind the same place, each of the listeners of other processes. */
export function mergePages(pages: readonly ListedPage[], limit: number): ListedPage {
  const found = pages.flatMap(({ listeners }) => listeners).toSorted(comparePlaces);
  const listeners = found.slice(0, limit);
  return {
    count: pages.reduce((sum, { count }) => sum + count, 0),
    listeners,
    isLast: listeners.length === found.length && pages.every(({ isLast }) => isLast),
  };
}

/** Behind which number a page begins of the listeners of one process. */
export function numberBehind(process: number, after: ListenerPlace): number {
  if (process < after.process) return Number.MAX_SAFE_INTEGER;
  return process === after.process ? after.number : 0;
}
