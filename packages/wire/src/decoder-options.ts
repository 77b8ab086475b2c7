import { refuse } from './errors.ts';
import type { EventMessage } from './event.ts';

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
   * The most bytes that one line, together with what the lines before it gave to its block, may have: an integer of at least 1.
   * Comments and unknown fields count only as their own line, a data line with its line end. A character counts as its UTF-16
   * units, never more than its bytes: no event within the limit is refused, and one of wide characters may have up to three
   * times as many bytes.
   *
   * @default DEFAULT_MAX_EVENT_BYTES (16 MiB)
   */
  maxEventBytes?: number | undefined;
}

export interface EventStreamDecoderOptions extends EventStreamOptions {
  /** Called with each event, in the order of the stream. */
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
