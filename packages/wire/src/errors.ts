/** Every code of an {@link EventStreamError}. No code ever changes its meaning. */
export const EVENT_STREAM_ERROR_CODES = [
  'ERR_EVENT_TOO_LARGE',
  'ERR_INVALID_CHUNK',
  'ERR_INVALID_FIELD',
  'ERR_INVALID_OPTION',
  'ERR_INVALID_SOURCE',
  'ERR_REENTRANT_CALL',
] as const;

export type EventStreamErrorCode = (typeof EVENT_STREAM_ERROR_CODES)[number];

/** The error class of this package. The `code` identifies an error; the message may change with any version. */
export class EventStreamError extends Error {
  readonly code: EventStreamErrorCode;

  constructor(code: EventStreamErrorCode, message: string) {
    super(message);
    this.name = 'EventStreamError';
    this.code = code;
  }
}

/** Throws an error that says what was attempted and why that cannot be done. */
export function refuse(code: EventStreamErrorCode, attempt: string, reason: string): never {
  throw new EventStreamError(code, `Cannot ${attempt}: ${reason}`);
}

const SHOWN_CHARACTERS = 40;

/** Describes a value that was refused in one short line, whatever it is. */
export function found(value: unknown): string {
  if (typeof value === 'string') {
    const more = value.length > SHOWN_CHARACTERS ? `… (${value.length} characters)` : '';
    return JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) + more;
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return String(value);
}
