import { isCursor, MAX_NAME_BYTES } from '@tidings/server/log';
import { Problem, type ProblemName } from '../../http/problem.ts';

/** Characters that no topic, matcher, id or type has: of control, and of format, which cannot be seen. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;

/**
 * Checks the name of something: its length, and that all of it can be seen.
 * @param tooLong the problem with a name that is too long
 * @throws {Problem} `invalid-parameter`
 */
export function checkVisible(what: string, text: string, tooLong: ProblemName): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_NAME_BYTES) {
    throw new Problem(tooLong, `The ${what} is ${bytes} bytes long; at most ${MAX_NAME_BYTES} are allowed`);
  }
  if (!UNSEEN.test(text)) return;
  throw new Problem(
    'invalid-parameter',
    `The ${what} ${JSON.stringify(text)} has a control or format character, which is not allowed`,
  );
}

// Before a posted id that has the form of a cursor, in the log: the log tells cursors from ids by their form alone.
const MARK = '~';

/** A posted id as the log keeps it. One that has the form of a cursor gets a mark, and so does one that looks as if it had one. */
export function keptId(id: string): string {
  return isCursor(id.replace(/^~+/, '')) ? MARK + id : id;
}

/** The id that was posted, of one that the log keeps. */
export function postedId(kept: string): string {
  return kept.startsWith(MARK) && isCursor(kept.replace(/^~+/, '')) ? kept.slice(MARK.length) : kept;
}

/** An id of the log as it is sent here: a cursor is a fragment, so that it is an IRI reference as the ids of publishers are. */
export function sentId(id: string): string {
  return isCursor(id) ? `#${id}` : postedId(id);
}

/** What may be meant by an id that was sent, as the log knows it, the likelier first: a cursor is taken with and without the `#`. */
export function meantIds(id: string): readonly [string, ...string[]] {
  if (id.startsWith('#')) return isCursor(id.slice(1)) ? [id.slice(1)] : [id];
  return isCursor(id) ? [id, keptId(id)] : [keptId(id)];
}
