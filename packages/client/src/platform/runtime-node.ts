import { setMaxListeners } from 'node:events';
import type { EventMessage } from '@tidings/wire';
import type { AbortSignalLike } from '../globals.ts';

export { readBody } from './body.ts';
export { nextTask } from './task.ts';

const NO_PORTS: readonly MessagePort[] = Object.freeze([]);

/**
 * A `MessageEvent` that takes less time to make. To make one of Node's own takes longer than everything else that is done for an
 * event. This one is an instance of `MessageEvent` all the same, and has all of its attributes.
 */
class StreamEvent extends Event {
  readonly #message: EventMessage;
  readonly #origin: string;

  constructor(message: EventMessage, origin: string) {
    super(message.type);
    this.#message = message;
    this.#origin = origin;
  }

  get data(): string {
    return this.#message.data;
  }

  get origin(): string {
    return this.#origin;
  }

  get lastEventId(): string {
    return this.#message.lastEventId;
  }

  get source(): null {
    return null;
  }

  get ports(): readonly MessagePort[] {
    return NO_PORTS;
  }
}

// A simulated browser may have taken it away.
if (globalThis.MessageEvent) Object.setPrototypeOf(StreamEvent.prototype, MessageEvent.prototype);

/** The event that listeners get on Node. */
export function createMessageEvent(message: EventMessage, origin: string): MessageEvent<string> {
  return new StreamEvent(message, origin) as unknown as MessageEvent<string>;
}

/** Lets any number of listeners be added to a target. Node would warn of a leak at the eleventh, as no browser does. */
export function allowListeners(target: EventTarget): void {
  // A target that is not one of Node's own, such as that of a simulated browser, is refused. It does not warn either.
  try {
    setMaxListeners(0, target);
  } catch {}
}

export function hideHandlers(_class: object, _names: readonly string[]): void {}

export function reasonOf(signal: AbortSignalLike | undefined): unknown {
  return signal?.reason;
}

export const TargetClass: new () => EventTarget = EventTarget;
