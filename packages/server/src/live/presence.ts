import type { Turn, Turns } from '../log/keeping/turns.ts';
import { Selector } from '../log/selection.ts';
import type { CohortIndex } from './cohort-index.ts';
import { type Cohort, countListeners, type View } from './cohort.ts';
import type { Listener } from './listener.ts';
import { type Present, PresentList } from './present-list.ts';

// How many turns finding the listeners of a topic has, by when those whose patterns have not been asked yet are left out. It may be requested again and again.
const MAX_GOES = 10;

// How many of the listeners that may be on a page are put together before those behind it are dropped, in pages.
const DROPPED_PAGES = 8;

/** Those who listen to a topic, or some of them. */
export interface PresencePage {
  /** How many listen to the topic. */
  readonly count: number;
  /** In the order of their numbers. */
  readonly listeners: readonly Present[];
  /** Whether no others follow. */
  readonly isLast: boolean;
}

/** Is told of the listeners of one topic. A method may not throw. */
export interface PresenceObserver {
  /** A listener has come, or was found because its pattern has now been asked. */
  onCome(present: Present): void;
  onGo(present: Present): void;
}

/** Tells an observer of the listeners of one topic until it ends. */
export interface PresenceWatch {
  /**
   * Finds those that have come with patterns, which are matched in turns with all scans. Listeners that name the topic are told of at once, and so are those whose
   * patterns were found before.
   */
  refresh(): Promise<void>;
  /** Those with numbers behind `after`, as far as they have been found. What the observer is told from now on is not on the page. */
  page(after: number, limit: number): PresencePage;
  end(): void;
}

/** A topic of which somebody is told who listens to it. */
interface WatchedTopic {
  readonly topic: string;
  readonly observers: Set<PresenceObserver>;
  /** The cohorts that select it and do not name it, as far as they have been found. */
  readonly matching: Set<Cohort<Listener>>;
  /** What was found last. */
  found: readonly Cohort<Listener>[] | undefined;
  refreshing: Promise<void> | undefined;
}

/**
 * Who listens to which topic. The cohorts know it already: a listener costs a place in the list of its cohort, and a question what it answers. When somebody watches
 * topics, a listener that comes or goes is looked up by the topics that it names, and by its cohort if that has patterns.
 */
export class Presence {
  readonly #cohorts: CohortIndex<Listener>;
  readonly #turns: Turns;
  readonly #watched = new Map<string, WatchedTopic>();
  /** The watched topics that cohorts select and do not name. */
  readonly #matched = new Map<Cohort<Listener>, Set<WatchedTopic>>();

  constructor(cohorts: CohortIndex<Listener>, turns: Turns) {
    this.#cohorts = cohorts;
    this.#turns = turns;
  }

  /** How many topics are watched, and how many cohorts with patterns are known to select one of them. */
  get watched(): { readonly topics: number; readonly cohorts: number } {
    return { topics: this.#watched.size, cohorts: this.#matched.size };
  }

  /** As {@link CohortIndex.join}, for a listener of which others may be told. */
  join(view: View, now: number, since: number, present: Present | undefined): Cohort<Listener> {
    const cohort = this.#cohorts.join(view, now, since);
    if (!present) return cohort;
    cohort.present ??= new PresentList();
    if (cohort.present.add(present) && this.#watched.size > 0)
      this.#tell(cohort, (observer) => observer.onCome(present));
    return cohort;
  }

  /** As {@link CohortIndex.leave}. */
  leave(cohort: Cohort<Listener>, present: Present | undefined): void {
    this.#cohorts.leave(cohort);
    if (present) cohort.present?.delete(present);
    if (this.#watched.size === 0) return;
    if (present) this.#tell(cohort, (observer) => observer.onGo(present));
    if (cohort.listeners > 0) return;
    for (const { matching } of this.#matched.get(cohort) ?? []) matching.delete(cohort);
    this.#matched.delete(cohort);
  }

  /** How many listeners would get a public event of each topic, those included that others are not told of. */
  async counts(topics: readonly string[]): Promise<readonly number[]> {
    return (await this.#find(topics)).map(countListeners);
  }

  /** Those who listen to a topic, whose numbers are behind `after`. Patterns that have not been asked about the topic are matched in turns with all scans. */
  async page(topic: string, after: number, limit: number): Promise<PresencePage> {
    const [cohorts = []] = await this.#find([topic]);
    return pageOf(cohorts, after, limit);
  }

  /** Tells an observer of the listeners of a topic that come and go from now on. */
  watch(topic: string, observer: PresenceObserver): PresenceWatch {
    const watched = this.#watched.get(topic) ?? this.#begin(topic);
    const { observers, matching } = watched;
    observers.add(observer);
    return {
      refresh: () => this.#refresh(watched),
      page: (after, limit) => pageOf([...this.#cohorts.naming(topic), ...matching], after, limit),
      end: () => {
        if (observers.delete(observer) && observers.size === 0) this.#end(watched);
      },
    };
  }

  #begin(topic: string): WatchedTopic {
    const watched: WatchedTopic = {
      topic,
      observers: new Set(),
      matching: new Set(),
      found: undefined,
      refreshing: undefined,
    };
    this.#watched.set(topic, watched);
    return watched;
  }

  #end(watched: WatchedTopic): void {
    this.#watched.delete(watched.topic);
    for (const cohort of watched.matching) {
      const topics = this.#matched.get(cohort);
      topics?.delete(watched);
      if (topics?.size === 0) this.#matched.delete(cohort);
    }
    watched.matching.clear();
  }

  #tell(cohort: Cohort<Listener>, tell: (observer: PresenceObserver) => void): void {
    for (const topic of Selector.of(cohort.view.selection).topics.exact) {
      for (const observer of this.#watched.get(topic)?.observers ?? []) tell(observer);
    }
    for (const { observers } of this.#matched.get(cohort) ?? []) for (const observer of observers) tell(observer);
  }

  /** All who watch a topic share one search. */
  #refresh(watched: WatchedTopic): Promise<void> {
    watched.refreshing ??= this.#findMatching(watched).finally(() => {
      watched.refreshing = undefined;
    });
    return watched.refreshing;
  }

  async #findMatching(watched: WatchedTopic): Promise<void> {
    const { topic, observers, matching } = watched;
    const [found = []] = await this.#find([topic]);
    if (observers.size === 0 || found === watched.found) return;
    watched.found = found;
    const naming = this.#cohorts.naming(topic);
    for (const cohort of found) {
      if (cohort.listeners === 0 || matching.has(cohort) || naming.has(cohort)) continue;
      matching.add(cohort);
      const topics = this.#matched.get(cohort);
      if (topics) topics.add(watched);
      else this.#matched.set(cohort, new Set([watched]));
      const present: Present[] = [];
      cohort.present?.copy(0, Infinity, Infinity, present);
      for (const each of present) for (const observer of observers) observer.onCome(each);
    }
  }

  /** The cohorts that select each of the topics. */
  #find(topics: readonly string[]): Promise<readonly (readonly Cohort<Listener>[])[]> {
    const found: (readonly Cohort<Listener>[])[] = [];
    let goes = 0;
    const work = (turn: Turn): typeof found | undefined => {
      goes += 1;
      for (const topic of topics.slice(found.length)) {
        const { cohorts, rest } =
          goes < MAX_GOES ? this.#cohorts.ofInTime(topic, turn) : { cohorts: this.#cohorts.knownOf(topic), rest: [] };
        if (rest.length > 0) return undefined;
        found.push(cohorts);
      }
      return found;
    };
    return this.#turns.run(work, { isShort: true });
  }
}

/** The page of this moment. Of many cohorts with few listeners each, it keeps no more than a few pages while it looks through them. */
function pageOf(cohorts: readonly Cohort<Listener>[], after: number, limit: number): PresencePage {
  let count = 0;
  let through = Number.POSITIVE_INFINITY;
  let listeners: Present[] = [];
  // One more than the page holds says whether others follow.
  const most = limit + 1;
  for (const { present } of cohorts) {
    if (!present) continue;
    count += present.size;
    present.copy(after, through, most, listeners);
    if (listeners.length <= DROPPED_PAGES * most) continue;
    listeners = first(listeners, most);
    through = listeners.at(-1)?.number ?? through;
  }
  listeners = first(listeners, most);
  return { count, listeners: listeners.slice(0, limit), isLast: listeners.length < most };
}

function first(listeners: readonly Present[], most: number): Present[] {
  return listeners.toSorted((one, other) => one.number - other.number).slice(0, most);
}
