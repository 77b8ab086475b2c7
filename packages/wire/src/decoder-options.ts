import { type EventStreamError, found, refusal } from './errors.ts';
import type { EventMessage } from './event.ts';

/** Keeps a stream that never ends a line, or never ends a block, from filling the memory: 16 MiB. */
export const DEFAULT_MAX_EVENT_BYTES: number = 16 * 1024 * 1024;

/** What a decoder takes besides the handler of its events. */
export interface EventStreamOptions {
  /**
   * Called with the reconnection time in milliseconds as a `retry` line is read. It has as many digits as the stream
   * gave it, so it can be past `Number.MAX_SAFE_INTEGER` and even `Infinity`: clamp it to what your timer can hold.
   *
   * @default none
   */
  onRetry?: ((milliseconds: number) => void) | undefined;
  /**
   * Called with the text of a comment line, without its colon and without one leading space.
   *
   * @default none
   */
  onComment?: ((text: string) => void) | undefined;
  /**
   * Called with the last event ID at each blank line that sets it, also where the block dispatches no event, and before
   * `onEvent` of the same block.
   *
   * @default none
   */
  onId?: ((id: string) => void) | undefined;
  /**
   * The last event ID before the stream has set one.
   *
   * @default ''
   */
  lastEventId?: string | undefined;
  /**
   * The most bytes that one line, together with what is already buffered for its block, may have: an integer of at least 1.
   * Comments and unknown fields count only as their own line, a buffered data line with its line end.
   *
   * @default DEFAULT_MAX_EVENT_BYTES (16 MiB)
   */
  maxEventBytes?: number | undefined;
}

export interface EventStreamDecoderOptions extends EventStreamOptions {
  /** Called with each event, in the order of the stream. */
  onEvent: (event: EventMessage) => void;
}

/** @throws {EventStreamError} `ERR_INVALID_OPTION` */
export function checkDecoderOptions(options: EventStreamDecoderOptions): void {
  if (typeof options !== 'object' || options === null) throw refused('options', options, 'an object');
  const { onEvent, onRetry, onComment, onId, lastEventId = '', maxEventBytes = 1 } = options;
  for (const [name, handler] of Object.entries({ onEvent, onRetry, onComment, onId })) {
    if (typeof handler !== 'function' && (handler !== undefined || name === 'onEvent')) {
      throw refused(name, handler, 'a function');
    }
  }
  if (typeof lastEventId !== 'string') throw refused('lastEventId', lastEventId, 'a string');
  if (!Number.isSafeInteger(maxEventBytes) || maxEventBytes < 1) {
    throw refused('maxEventBytes', maxEventBytes, 'an integer of at least 1');
  }
}

function refused(name: string, value: unknown, allowed: string): EventStreamError {
  return refusal('ERR_INVALID_OPTION', 'decode an event stream', `${found(value)} as ${name}`, allowed);
}
