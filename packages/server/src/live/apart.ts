import { COMMENT } from '../sink/keep-alive.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Listener } from './listener.ts';

/** How a listener is given something by itself. */
interface ApartHost {
  /** Tells a listener a position, as it may know it. */
  tell(listener: Listener, seq: number): void;
  write(listener: Listener, chunk: SharedChunk): void;
}

/** The listeners that are not live, and when each was last given something or moved on. The keep-alives of cohorts do not reach them. */
export class ApartListeners {
  readonly #host: ApartHost;
  readonly #since = new Map<Listener, number>();

  constructor(host: ApartHost) {
    this.#host = host;
  }

  /** Takes note of where a listener is now. @param now the time, by the clock's `now` */
  note(listener: Listener, now: number): void {
    if ('position' in listener.state) this.#since.set(listener, now);
    else this.#since.delete(listener);
  }

  /**
   * Sends a keep-alive to those that were given nothing since a time. Returns since when the one has been given nothing that is due next.
   * @param before that time, by the clock's `now`
   */
  keepAlive(before: number, now: number): number {
    let oldest = now;
    for (const [listener, since] of this.#since) {
      const { state, cohort, sink } = listener;
      // Bytes that wait for a listener keep it alive as soon as it reads.
      if (sink.needsDrain || !('position' in state)) continue;
      if (since > before) {
        oldest = Math.min(oldest, since);
        continue;
      }
      this.#since.set(listener, now);
      // If it must still be told of a gap, its id has to stay the one that it came with.
      if (cohort.view.heartbeat === 'event' && state.misplaced === undefined) this.#host.tell(listener, state.position);
      else this.#host.write(listener, COMMENT);
    }
    return oldest;
  }
}
