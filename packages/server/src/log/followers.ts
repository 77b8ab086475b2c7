import type { LogEntry } from './entry.ts';
import type { LogFollower, LogFollowing } from './event-log.ts';
import type { Position } from './position.ts';

/** A follower's place in the set. Each call of `add` makes one, so that a follower that was added twice is two. */
interface Seat {
  readonly follower: LogFollower;
}

/** The followers of a log in this process, and the batches that are still to be handed over to them. */
export class Followers {
  readonly #seats = new Set<Seat>();
  // Each batch with those who followed when it was committed.
  #pending: { readonly batch: readonly LogEntry[]; readonly seats: readonly Seat[] }[] = [];

  /**
   * Adds a follower and starts it. It gets the batches that are committed from now on.
   * @param position of the newest event that has been committed
   */
  add(follower: LogFollower, position: Position): LogFollowing {
    const seat: Seat = { follower };
    this.#seats.add(seat);
    follower.onStart(position);
    return {
      stop: () => {
        this.#seats.delete(seat);
      },
    };
  }

  /**
   * Hands a batch over to all followers. Where one of them commits another batch meanwhile, that one comes after this one, so that all
   * followers get the same order.
   */
  emit(batch: readonly LogEntry[]): void {
    this.#pending.push({ batch, seats: [...this.#seats] });
    if (this.#pending.length > 1) return;
    for (const { batch: next, seats } of this.#pending) {
      for (const seat of seats) if (this.#seats.has(seat)) handOver(seat.follower, next);
    }
    this.#pending = [];
  }

  clear(): void {
    this.#seats.clear();
  }
}

/** A follower may not throw. One that does is at fault, and the process is told; the others must not lose the batch by it. */
function handOver(follower: LogFollower, batch: readonly LogEntry[]): void {
  try {
    follower.onBatch(batch);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
