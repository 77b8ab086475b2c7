import type { LogEntry } from '../entry.ts';
import type { LogFollower, LogFollowing } from '../event-log.ts';
import type { Position } from '../position.ts';

/** A follower's place in the set. Each call of `add` makes one, so that a follower that was added twice is two. */
interface Seat {
  readonly follower: LogFollower;
}

/** The followers of a log, and what is still to be told to them. */
export class Followers {
  readonly #seats = new Set<Seat>();
  // Each with those who followed when it happened.
  #pending: { readonly call: (follower: LogFollower) => void; readonly seats: readonly Seat[] }[] = [];

  /**
   * Adds a follower. It gets the batches that are emitted from now on.
   * @param position behind which the next batch comes; undefined while the log's connection is lost or not made yet: `start` follows
   */
  add(follower: LogFollower, position: Position | undefined): LogFollowing {
    const seat: Seat = { follower };
    this.#seats.add(seat);
    if (position) follower.onStart(position);
    return {
      stop: () => {
        this.#seats.delete(seat);
      },
    };
  }

  /** Tells all followers where following begins, after `lose` or for the first time. */
  start(position: Position): void {
    this.#tell((follower) => follower.onStart(position));
  }

  /** Hands a batch over to all followers. */
  emit(batch: readonly LogEntry[]): void {
    this.#tell((follower) => follower.onBatch(batch));
  }

  /** Tells all followers that nothing comes until they are started again. */
  lose(reason: unknown): void {
    this.#tell((follower) => follower.onLost(reason));
  }

  clear(): void {
    this.#seats.clear();
  }

  /**
   * Calls each follower. Where one of them makes something else happen meanwhile, such as a batch, that comes after this one, so that all
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

/** A follower may not throw. One that does is at fault, and the process is told; the others must not lose a batch by it. */
function callOne(call: (follower: LogFollower) => void, follower: LogFollower): void {
  try {
    call(follower);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
