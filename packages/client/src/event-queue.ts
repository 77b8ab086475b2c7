import type { EventMessage } from '@tidings/wire';

interface Taker {
  resolve(result: IteratorResult<EventMessage, undefined>): void;
  reject(reason: unknown): void;
}

export interface EventQueueLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/**
 * Events received and not yet taken. It takes every event offered; whoever fills it asks for `room` before it reads on,
 * so it holds at most its limits and one chunk more.
 */
export class EventQueue {
  readonly #limits: EventQueueLimits;
  readonly #events: EventMessage[] = [];
  readonly #takers: Taker[] = [];
  #bytes = 0;
  #onRoom: (() => void) | undefined;
  #end: { readonly error: unknown } | 'done' | undefined;

  constructor(limits: EventQueueLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length;
  }

  /** Whether somebody waits for the next event, so that none is queued. */
  get isAwaited(): boolean {
    return this.#takers.length > 0;
  }

  push(event: EventMessage): void {
    if (this.#end !== undefined) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker.resolve({ done: false, value: event });
      return;
    }
    this.#events.push(event);
    this.#bytes += bytesOf(event);
  }

  /** Settles when there is room again or the queue has ended; `undefined` where there is room now. For one reader. */
  room(): Promise<void> | undefined {
    if (!this.#isFull() || this.#end !== undefined) return undefined;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** The next event, in the order of the stream. After the last one it is done, or rejects once with the error. */
  take(): Promise<IteratorResult<EventMessage, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) {
      this.#bytes -= bytesOf(event);
      this.#giveRoom();
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#end === undefined) return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    if (this.#end === 'done') return Promise.resolve({ done: true, value: undefined });
    const { error } = this.#end;
    this.#end = 'done';
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason of an abort may be anything
    return Promise.reject(error);
  }

  /** No event follows those that are queued. The first end counts. */
  end(): void {
    if (this.#end !== undefined) return;
    this.#end = 'done';
    for (const taker of this.#takers.splice(0)) taker.resolve({ done: true, value: undefined });
    this.#giveRoom();
  }

  /** As `end`, with an error behind the queued events. */
  fail(error: unknown): void {
    if (this.#end !== undefined) return;
    const [first, ...others] = this.#takers.splice(0);
    this.#end = first === undefined ? { error } : 'done';
    first?.reject(error);
    for (const taker of others) taker.resolve({ done: true, value: undefined });
    this.#giveRoom();
  }

  /** Forgets what is queued. */
  clear(): void {
    this.#events.length = 0;
    this.#bytes = 0;
    this.#giveRoom();
  }

  #isFull(): boolean {
    return this.#events.length >= this.#limits.maxEvents || this.#bytes >= this.#limits.maxBytes;
  }

  #giveRoom(): void {
    if (this.#isFull() && this.#end === undefined) return;
    this.#onRoom?.();
    this.#onRoom = undefined;
  }
}

/** What an event takes in memory at most: two bytes for each UTF-16 code unit. */
function bytesOf(event: EventMessage): number {
  return 2 * (event.data.length + event.type.length + event.lastEventId.length);
}
