import { DURATION_FORM, parseDuration, parseTime, TIME_FORM } from '@tidings/server/units';
import { CliError } from '../errors.ts';
import { CURSOR } from '../http/cursor.ts';
import { notice, visible } from '../terminal/output.ts';

/** Where listening begins: at a time, which the hub is told as the person wrote it, or after an id. */
export interface ListenStart {
  readonly since?: string;
  readonly lastEventId?: string;
}

/** The first event that is kept (PROTOCOL §5.2). */
const EARLIEST = 'earliest';

// What is written like a time or a duration and is none would otherwise be an id that the hub does not know.
const LIKE_A_TIME = /^(?:\d{4}[-/]\d{1,2}|\d{1,2}[-/.:]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?!\d)/;
const LIKE_A_DURATION =
  /^\d+(?:[.,]\d+)?\s*(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|mo|months?|y|years?)(?:\s+ago)?$/i;

const ALLOWED = `${TIME_FORM}, ${DURATION_FORM}, "${EARLIEST}", a cursor, or the id of an event`;

/** Reads the value of `--since`. @throws {CliError} `ERR_USAGE` for what looks like a time or a duration and is none */
export function readStart(text: string): ListenStart {
  if (parseDuration(text) !== undefined || parseTime(text) !== undefined) return { since: text };
  if (text === EARLIEST || CURSOR.test(text)) return { lastEventId: text };
  if (text === '' || LIKE_A_TIME.test(text) || LIKE_A_DURATION.test(text)) {
    throw new CliError('ERR_USAGE', `--since is ${JSON.stringify(text)}, but must be ${ALLOWED}`);
  }
  if (/^(?:[a-z ]+|[0-9.]+)$/i.test(text))
    notice(`--since ${visible(text)} is taken for the id of an event. Allowed are ${ALLOWED}`);
  return { lastEventId: text };
}
