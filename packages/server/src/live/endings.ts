import type { LogEntry } from '../log/entry.ts';
import type { Cohort, View } from './cohort.ts';
import type { CohortIndex } from './cohort-index.ts';
import type { EndReason, Listener } from './listener.ts';

/** How the streams of listeners are written to and ended. */
interface Streams {
  /** Tells a listener a position, as it may know it. */
  tell(listener: Listener, seq: number): void;
  /** Ends a listener's stream: it looks finished. */
  end(listener: Listener, reason: EndReason): void;
}

/** The cohorts there are, and what their listeners may know. */
interface Cohorts {
  readonly cohorts: CohortIndex<Listener>;
  knownTo(view: View, seq: number): number;
}

/** What is known of listeners, and done to them, beside that. */
interface EndingsHost {
  /** All listeners of a cohort, those that are not live too. */
  of(cohort: Cohort<Listener>): readonly Listener[];
  /** Those that still read events which were too many to be given out at once. */
  readers(): Iterable<Listener>;
  /** A live listener has to read the log, which knows whether its topic is closed for it. */
  ask(listener: Listener): void;
}

/**
 * Ends the streams of those who listen to one topic and no other, when that topic is closed or deleted. Those who listen to several topics or to patterns
 * go on.
 */
export class Endings {
  readonly #ticker: Cohorts;
  readonly #streams: Streams;
  readonly #host: EndingsHost;

  constructor(ticker: Cohorts, streams: Streams, host: EndingsHost) {
    this.#ticker = ticker;
    this.#streams = streams;
    this.#host = host;
  }

  /** A listener has got everything up to the final event of its only topic: its stream ends. */
  finish(listener: Listener, finalSeq: number): void {
    const { cohort, index, told } = listener;
    // It may not be given that event. It comes back with the last id that it has, and would come back for ever with an older one.
    if ((index === -1 ? told : cohort.toldTo(listener)) < this.#ticker.knownTo(cohort.view, finalSeq)) {
      this.#streams.tell(listener, finalSeq);
    }
    this.#streams.end(listener, 'finished');
  }

  /** This entry, which has been written, has closed its topics. */
  close(entry: LogEntry): void {
    const { seq, topics } = entry;
    for (const topic of topics) {
      for (const cohort of this.#ticker.cohorts.onlyOf(topic)) {
        cohort.note(seq);
        for (const member of cohort.members.slice()) {
          // A private event may be the first of its topic: then nothing has been closed for those who do not see those.
          if (cohort.knowsEnd(entry)) this.finish(member, seq);
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
      for (const cohort of this.#ticker.cohorts.near(topic)) cohort.note(seq);
      for (const cohort of this.#ticker.cohorts.onlyOf(topic)) {
        if (!cohort.knowsEnd(entry)) continue;
        const all = cohort.listeners === cohort.members.length ? cohort.members.slice() : this.#host.of(cohort);
        // It is told of it when it comes back.
        for (const listener of all) this.#streams.end(listener, 'deleted');
      }
    }
  }
}
