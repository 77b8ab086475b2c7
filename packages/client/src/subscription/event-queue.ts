import type { EventMessage } from '@tidings/wire';

/** The room of so many taken events is given back at once; until then the front is only moved on, which costs less. */
const MAX_TAKEN = 1_000;

/**
 * Events received and not yet taken. It takes every event offered; whoever fills it asks for `room` before it reads on,
 * so it holds at most its limits and one chunk more.
 */
export interface EventQueue {
  readonly size: number;
  /** Whether somebody waits for the next event, so that none is queued. */
  readonly isAwaited: boolean;
  push(event: EventMessage): void;
  /** Settles when there is room again or the queue has ended; `undefined` where there is room now. For one reader. */
  readonly room: () => Promise<void> | undefined;
  /** The next event that is queued, in the order of the stream. */
  take(): EventMessage | undefined;
  /** The next event that comes, where none is queued: `undefined` after the last one, or rejects once with the error. */
  next(): Promise<EventMessage | undefined>;
  /** No event follows those that are queued, or with an error nothing but that. The first end counts. */
  end(error?: { readonly reason: unknown }): void;
  /** Forgets what is queued. */
  clear(): void;
}

/** @param maxBytes - two for each UTF-16 code unit */
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
