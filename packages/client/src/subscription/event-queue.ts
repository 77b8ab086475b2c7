import type { EventMessage } from '@tidings/wire';

/**
 * The events that were received and not yet taken. The queue accepts every event. The caller that fills it waits for `room` before the next
 * read, so it holds no more than its limits and one chunk.
 */
export interface EventQueue {
  readonly size: number;
  /** Whether a consumer waits for the next event, so that none is queued. */
  readonly isAwaited: boolean;
  push(event: EventMessage): void;
  /** Returns a promise that is settled when there is room or the queue has ended; `undefined` if there is room now. For one reader. */
  readonly room: () => Promise<void> | undefined;
  /** Takes the oldest event of the queue. */
  take(): EventMessage | undefined;
  /** Waits for the next event if none is queued. Resolves to `undefined` after the last one, or rejects once with the error. */
  next(): Promise<EventMessage | undefined>;
  /** No event follows the queued ones, but the error does, if there is one. Only the first call counts. */
  end(error?: readonly [reason: unknown]): void;
  /** Drops all queued events. */
  clear(): void;
}

/** @param maxBytes - two bytes are counted for each UTF-16 code unit */
export function createQueue(maxEvents: number, maxBytes: number): EventQueue {
  /** What came in since the consumer has begun with `leaving`, oldest first, and what it takes before that, oldest last. */
  let arrived: EventMessage[] = [];
  let leaving: EventMessage[] = [];
  let bytes = 0;
  const takers: (readonly [resolve: (event?: EventMessage) => void, reject: (reason: unknown) => void])[] = [];
  let onRoom: (() => void) | undefined;
  let hasEnded = false;
  /** The error that the next taker gets after the end. */
  let failure: readonly [reason: unknown] | undefined;

  const sizeOf = (): number => arrived.length + leaving.length;
  const isFull = (): boolean => !hasEnded && (sizeOf() >= maxEvents || bytes >= maxBytes);

  function giveRoom(): void {
    if (!onRoom || isFull()) return;
    onRoom();
    onRoom = undefined;
  }

  function tellEnd(): void {
    for (const [resolve, reject] of takers.splice(0)) {
      if (failure) reject(failure[0]);
      else resolve();
      failure = undefined;
    }
  }

  return {
    get size() {
      return sizeOf();
    },
    get isAwaited() {
      return takers.length > 0;
    },
    push(event) {
      if (hasEnded) return;
      const taker = takers.shift();
      if (taker) return taker[0](event);
      arrived.push(event);
      bytes += bytesOf(event);
    },
    room: () =>
      isFull()
        ? new Promise((resolve) => {
            onRoom = resolve;
          })
        : undefined,
    take() {
      // oxlint-disable-next-line unicorn/no-array-reverse -- nobody else has the array
      if (leaving.length === 0) [leaving, arrived] = [arrived.reverse(), leaving];
      const event = leaving.pop();
      if (event) {
        bytes -= bytesOf(event);
        giveRoom();
      }
      return event;
    },
    next() {
      return new Promise((...taker) => {
        takers.push(taker);
        if (hasEnded) tellEnd();
      });
    },
    end(error) {
      if (hasEnded) return;
      hasEnded = true;
      failure = error;
      tellEnd();
      giveRoom();
    },
    clear() {
      arrived = [];
      leaving = [];
      bytes = 0;
      giveRoom();
    },
  };
}

/** What an event takes in memory at most: two bytes for each UTF-16 code unit. */
function bytesOf({ type, data, lastEventId }: EventMessage): number {
  return 2 * (type.length + data.length + lastEventId.length);
}
