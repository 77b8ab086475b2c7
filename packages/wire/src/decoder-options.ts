import { refuse } from './errors.ts';
import type { EventMessage } from './event.ts';

/** The options that every way to decode an event stream has. */
export interface EventStreamOptions {
  /**
   * This handler is called with the reconnection time in milliseconds when a `retry` line has been read. The stream may give a number of
   * any size, so the time can be past `Number.MAX_SAFE_INTEGER`, and even `Infinity`: limit it to what your timer can hold.
   *
   * @default none
   */
  onRetry?: ((milliseconds: number) => void) | undefined;
  /**
   * This handler is called with the text of each comment line, without its colon and without one leading space.
   *
   * @default none
   */
  onComment?: ((text: string) => void) | undefined;
  /**
   * This handler is called with the last event ID at the end of each block that sets it, even if the block has no event. It is called
   * before `onEvent` of the same block.
   *
   * @default none
   */
  onId?: ((id: string) => void) | undefined;
  /**
   * The last event ID that applies until the stream sets one.
   *
   * @default ''
   */
  lastEventId?: string | undefined;
  /**
   * The most bytes that one line may have, together with what is kept of the lines before it in its block: an integer of at least 1.
   * Comments and unknown fields are not kept, so they count only as a line. A data line that is kept counts with its line end.
   * A character counts as its UTF-16 units, which are never more than its bytes in UTF-8. So no event within the limit is refused, and an
   * event of wide characters may have up to three times as many bytes.
   *
   * @default DEFAULT_MAX_EVENT_BYTES (16 MiB)
   */
  maxEventBytes?: number | undefined;
}

export interface EventStreamDecoderOptions extends EventStreamOptions {
  /** This handler is called with each event, in the order of the stream. */
  onEvent: (event: EventMessage) => void;
}

const TYPES = {
  onEvent: 'function',
  onRetry: 'function',
  onComment: 'function',
  onId: 'function',
  lastEventId: 'string',
  maxEventBytes: 'number',
} as const;

/** @throws {EventStreamError} `ERR_INVALID_OPTION` */
export function checkDecoderOptions(options: EventStreamDecoderOptions | undefined): void {
  for (const [name, type] of Object.entries(TYPES)) {
    const value: unknown = options?.[name as keyof typeof TYPES];
    const isRight = type === 'number' ? Number.isSafeInteger(value) && Number(value) > 0 : typeof value === type;
    if (!isRight && (value !== undefined || name === 'onEvent')) {
      const expected = type === 'number' ? 'an integer of at least 1' : `a ${type}`;
      const given = typeof value === 'number' ? value : typeof value;
      refuse('ERR_INVALID_OPTION', 'decode an event stream', `expected ${expected} as options.${name}, found ${given}`);
    }
  }
}
