import type { LogEntry } from '../log/entry.ts';
import type { Cohort } from './cohort.ts';
import type { CohortIndex } from './cohort-index.ts';
import type { Listener } from './listener.ts';

/** What is done to listeners whose only topic ends. */
export interface EndingsHost {
  /** All listeners of a cohort, those that are not live too. */
  of(cohort: Cohort<Listener>): readonly Listener[];
  /** Those that still read events which were too many to be given out at once. */
  readers(): Iterable<Listener>;
  /** A listener has got everything up to the final event of its only topic: its stream ends. */
  finish(listener: Listener, finalSeq: number): void;
  /** Its only topic was deleted: its stream ends, and it is told of it when it comes back. */
  sendBack(listener: Listener): void;
  /** A live listener has to read the log, which knows whether its topic is closed for it. */
  ask(listener: Listener): void;
}

/**
 * Ends the streams of those who listen to one topic and no other, when that topic is closed or deleted. Those who listen to several topics or to patterns
 * go on.
 */
export class Endings {
  readonly #cohorts: CohortIndex<Listener>;
  readonly #host: EndingsHost;

  constructor(cohorts: CohortIndex<Listener>, host: EndingsHost) {
    this.#cohorts = cohorts;
    this.#host = host;
  }

  /** This entry, which has been written, has closed its topics. */
  close(entry: LogEntry): void {
    const { seq, topics } = entry;
    for (const topic of topics) {
      for (const cohort of this.#cohorts.onlyOf(topic)) {
        cohort.note(seq);
        for (const member of cohort.members.slice()) {
          // A private event may be the first of its topic: then nothing has been closed for those who do not see it.
          if (cohort.mayKnow(entry)) this.#host.finish(member, seq);
          else this.#host.ask(member);
        }
      }
    }
    for (const reader of this.#host.readers()) {
      if (topics.includes(reader.cohort.topic ?? '')) reader.mustAsk = true;
    }
  }

  /** This entry tells that its topic was deleted. What lies before it has been written. */
  delete(entry: LogEntry): void {
    const { seq, topics } = entry;
    for (const topic of topics) {
      // Who comes back with an older cursor is told of it, whatever else it listens to.
      for (const cohort of this.#cohorts.near(topic)) cohort.note(seq);
      for (const cohort of this.#cohorts.onlyOf(topic)) {
        if (!cohort.mayKnow(entry)) continue;
        const all = cohort.listeners === cohort.members.length ? cohort.members.slice() : this.#host.of(cohort);
        for (const listener of all) this.#host.sendBack(listener);
      }
    }
  }
}
