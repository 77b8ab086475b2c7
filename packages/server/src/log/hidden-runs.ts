import type { AskOptions, EventLog, Place } from './event-log.ts';
import { orAborted } from './or-aborted.ts';
import type { Selection, TopicSet } from './selection.ts';

// How many runs are remembered for the same rights. Those that are forgotten are shorter than all of these.
const MAX_RUNS = 100;

// For how many different rights runs of a log are remembered, and how long these rights may be as a text.
const MAX_RIGHTS = 100;
const MAX_RIGHTS_LENGTH = 1024;

/** No event may be known that is behind `from`, and up to `through`. */
interface Run {
  readonly from: number;
  readonly through: number;
}

const known = new WeakMap<EventLog, Map<string, HiddenRuns>>();

/**
 * The runs of events of a log that a listener with rights to some private topics, or to none, may not know. There may be very many events in a run, and everybody may
 * ask for a time within it: so it is gone through once, by one listener at a time, and remembered.
 */
export class HiddenRuns {
  readonly #log: EventLog;
  readonly #visible: Selection;
  /** None touches another one. The longest is the first. */
  #runs: Run[] = [];
  #epoch: string | undefined;
  #walk: Promise<void> | undefined;

  private constructor(log: EventLog, privateTopics: TopicSet) {
    this.#log = log;
    this.#visible = { topics: 'all', private: privateTopics };
  }

  static of(log: EventLog, { private: privateTopics = [] }: Selection): HiddenRuns {
    const key = JSON.stringify(privateTopics);
    if (key.length > MAX_RIGHTS_LENGTH) return new HiddenRuns(log, privateTopics);
    const byRights = known.get(log) ?? new Map<string, HiddenRuns>();
    known.set(log, byRights);
    const runs = byRights.get(key) ?? new HiddenRuns(log, privateTopics);
    // Those that were asked for last are the last of the map.
    byRights.delete(key);
    byRights.set(key, runs);
    const [oldest = ''] = byRights.keys();
    if (byRights.size > MAX_RIGHTS) byRights.delete(oldest);
    return runs;
  }

  /** Resolves to the sequence number of the first event behind a place that may be known; undefined if there is none up to the place's head. */
  async firstVisible(place: Place, options: AskOptions = {}): Promise<number | undefined> {
    for (;;) {
      const found = await this.#look(place, options);
      if (found) return found.seq;
      // The way is long. Who has waited for another one to go it finds most of it known.
      if (!this.#walk) return await this.#goOn(place, options);
      await orAborted(this.#walk, options.signal);
    }
  }

  async #goOn(place: Place, options: AskOptions): Promise<number | undefined> {
    let end = (): void => {};
    this.#walk = new Promise((resolve) => (end = resolve));
    try {
      for (;;) {
        const found = await this.#look(place, options);
        if (found) return found.seq;
      }
    } finally {
      this.#walk = undefined;
      end();
    }
  }

  /** Looks at the page behind what is known. Resolves to nothing if that is not the end of the way. */
  async #look(
    { after, head, epoch }: Place,
    options: AskOptions,
  ): Promise<{ readonly seq: number | undefined } | undefined> {
    // The numbers of another epoch are those of other events.
    if (epoch !== this.#epoch) [this.#epoch, this.#runs] = [epoch, []];
    const from = this.#runs.find((run) => run.from <= after && after < run.through)?.through ?? after;
    if (from >= head) return { seq: undefined };
    const request = { selection: this.#visible, after: from, through: head, maxBytes: 1 };
    const { entries, through } = await this.#log.read(request, options);
    const seq = entries[0]?.seq;
    if (epoch === this.#epoch) this.#add({ from: after, through: seq === undefined ? through : seq - 1 });
    return seq === undefined && through < head ? undefined : { seq };
  }

  #add(run: Run): void {
    let { from, through } = run;
    const others: Run[] = [];
    for (const other of this.#runs) {
      if (other.from > through || other.through < from) others.push(other);
      else [from, through] = [Math.min(from, other.from), Math.max(through, other.through)];
    }
    if (through > from) others.push({ from, through });
    this.#runs = others.toSorted((a, b) => b.through - b.from - (a.through - a.from)).slice(0, MAX_RUNS);
  }
}
