import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  EventLog,
  LogFollower,
  LogFollowing,
  LogPage,
  NewEvent,
  Place,
  ReadRequest,
  Selection,
  Since,
} from '@tidings/server/log';
import type { Link } from '../network/link.ts';

/** How late a follower hears of what was committed, in milliseconds. */
export interface Lateness {
  ms: number;
}

/**
 * A log that follows over a connection of its own, as those in PostgreSQL and in NATS do: what it reads may be newer than what it has handed over. All other calls go to
 * the log behind it.
 */
export class LateLog implements EventLog {
  readonly trimmedIsExact: boolean;
  readonly directory: EventLog['directory'];
  readonly topics: EventLog['topics'];
  readonly values: EventLog['values'];
  readonly #log: EventLog;
  readonly #link: Link;
  readonly #lateness: Lateness;

  constructor(log: EventLog, link: Link, lateness: Lateness) {
    this.#log = log;
    this.#link = link;
    this.#lateness = lateness;
    this.trimmedIsExact = log.trimmedIsExact;
    this.directory = log.directory;
    this.topics = log.topics;
    this.values = log.values;
  }

  append(events: readonly NewEvent[], options?: AppendOptions): Promise<AppendReceipt> {
    return this.#log.append(events, options);
  }

  read(request: ReadRequest, options?: AskOptions): Promise<LogPage> {
    return this.#log.read(request, options);
  }

  locate(id: string, selection?: Selection, options?: AskOptions): Promise<Place> {
    return this.#log.locate(id, selection, options);
  }

  locateLast(selection: Selection, count: number, options?: AskOptions): Promise<Place> {
    return this.#log.locateLast(selection, count, options);
  }

  locateSince(selection: Selection, since: Since, options?: AskOptions): Promise<Place> {
    return this.#log.locateSince(selection, since, options);
  }

  follow(follower: LogFollower): LogFollowing {
    let isStopped = false;
    const late = (call: () => void): void =>
      this.#link.send(this.#lateness.ms, () => {
        if (!isStopped) call();
      });
    const following = this.#log.follow({
      onStart: (start) => late(() => follower.onStart(start)),
      onBatch: (batch) => late(() => follower.onBatch(batch)),
      onLost: (reason) => late(() => follower.onLost(reason)),
    });
    return {
      stop: () => {
        isStopped = true;
        following.stop();
      },
    };
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
