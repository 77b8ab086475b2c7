/** Every code of an {@link EventStreamError}. Codes never change their meaning. */
export const EVENT_STREAM_ERROR_CODES = [
  'ERR_EVENT_TOO_LARGE',
  'ERR_INVALID_CHUNK',
  'ERR_INVALID_FIELD',
  'ERR_INVALID_OPTION',
  'ERR_INVALID_SOURCE',
  'ERR_REENTRANT_CALL',
  'ERR_UNDELIVERED_TOO_LARGE',
] as const;

export type EventStreamErrorCode = (typeof EVENT_STREAM_ERROR_CODES)[number];

/** The one error class of this package. Tell errors apart by `code`; messages may change. */
export class EventStreamError extends Error {
  readonly code: EventStreamErrorCode;

  constructor(code: EventStreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EventStreamError';
    this.code = code;
  }
}

const SHOWN_CHARACTERS = 40;

/** Shows a value that was refused, in one short line whatever it is. */
export function found(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > SHOWN_CHARACTERS
        ? `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}… (${value.length} characters)`
        : JSON.stringify(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return value === null ? 'null' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}
