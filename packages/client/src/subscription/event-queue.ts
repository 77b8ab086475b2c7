import type { EventMessage } from '@tidings/wire';

/** The memory of this many taken events is freed at once. Until then only the front moves on, which costs less. */
const MAX_TAKEN = 1_000;

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
  end(error?: { readonly reason: unknown }): void;
  /** Drops all queued events. */
  clear(): void;
}

/** @param maxBytes - two bytes are counted for each UTF-16 code unit */
export function createQueue(maxEvents: number, maxBytes: number): EventQueue {
  let events: (EventMessage | undefined)[] = [];
  let taken = 0;
  let bytes = 0;
  const takers: (readonly [resolve: (event?: EventMessage) => void, reject: (reason: unknown) => void])[] = [];
  let onRoom: (() => void) | undefined;
  let hasEnded = false;
  let failure: { readonly reason: unknown } | undefined;

  const isFull = (): boolean => !hasEnded && (events.length - taken >= maxEvents || bytes >= maxBytes);

  function giveRoom(): void {
    if (!isFull()) onRoom?.();
  }

  return {
    get size() {
      return events.length - taken;
    },
    get isAwaited() {
      return takers.length > 0;
    },
    push(event) {
      if (hasEnded) return;
      const taker = takers.shift();
      if (taker) return taker[0](event);
      events.push(event);
      bytes += bytesOf(event);
    },
    room: () =>
      isFull()
        ? new Promise((resolve) => {
            onRoom = resolve;
          })
        : undefined,
    take() {
      const event = events[taken];
      if (event) {
        events[taken++] = undefined;
        if (taken === events.length || taken === MAX_TAKEN) {
          events.splice(0, taken);
          taken = 0;
        }
        bytes -= bytesOf(event);
        giveRoom();
      }
      return event;
    },
    next() {
      return new Promise((resolve, reject) => {
        if (!hasEnded) takers.push([resolve, reject]);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason of an abort may be anything
        else if (failure) reject(failure.reason);
        else resolve(undefined);
        failure = undefined;
      });
    },
    end(error) {
      if (hasEnded) return;
      hasEnded = true;
      const [first, ...others] = takers.splice(0);
      if (!first) failure = error;
      else if (error) first[1](error.reason);
      else first[0]();
      for (const [resolve] of others) resolve();
      giveRoom();
    },
    clear() {
      events = [];
      taken = bytes = 0;
      giveRoom();
    },
  };
}

/** What an event takes in memory at most: two bytes for each UTF-16 code unit. */
function bytesOf({ type, data, lastEventId }: EventMessage): number {
  return 2 * (type.length + data.length + lastEventId.length);
}
