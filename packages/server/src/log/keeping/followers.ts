import type { LogEntry } from '../entry.ts';
import type { FollowStart, LogFollower, LogFollowing } from '../event-log.ts';

/** A follower's place in the set. Each call of `add` makes one, so that a follower that was added twice is two. */
interface Seat {
  readonly follower: LogFollower;
}

/** The followers of a log, and the calls that they have not received yet. */
export class Followers {
  readonly #seats = new Set<Seat>();
  // Each with the followers at that time.
  #pending: { readonly call: (follower: LogFollower) => void; readonly seats: readonly Seat[] }[] = [];

  /**
   * Adds a follower. It gets the batches that are emitted from now on.
   * @param start after which the next batch comes; undefined while the log's connection is lost or not made yet, because `start` follows then
   */
  add(follower: LogFollower, start: FollowStart | undefined): LogFollowing {
    const seat: Seat = { follower };
    this.#seats.add(seat);
    if (start) follower.onStart(start);
    return {
      stop: () => {
        this.#seats.delete(seat);
      },
    };
  }

  /** Calls `onStart` of all followers, after `lose` or for the first time. */
  start(start: FollowStart): void {
    this.#tell((follower) => follower.onStart(start));
  }

  /** Hands a batch over to all followers. */
  emit(batch: readonly LogEntry[]): void {
    this.#tell((follower) => follower.onBatch(batch));
  }

  /** Calls `onLost` of all followers: no batch follows until they are started again. */
  lose(reason: unknown): void {
    this.#tell((follower) => follower.onLost(reason));
  }

  clear(): void {
    this.#seats.clear();
  }

  /**
   * Calls each follower. If one of them causes another call meanwhile, such as for a batch, that comes after this one, so that all
   * followers get the same order.
   */
  #tell(call: (follower: LogFollower) => void): void {
    this.#pending.push({ call, seats: [...this.#seats] });
    if (this.#pending.length > 1) return;
    for (const { call: next, seats } of this.#pending) {
      for (const seat of seats) if (this.#seats.has(seat)) callOne(next, seat.follower);
    }
    this.#pending = [];
  }
}

/** A follower may not throw. If one does, the exception becomes an uncaught one of the process, and the others still get the batch. */
function callOne(call: (follower: LogFollower) => void, follower: LogFollower): void {
  try {
    call(follower);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
