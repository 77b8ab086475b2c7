import type { PublishErrorCode } from '../errors.ts';
import type { Failure } from './answer.ts';
import { decodeEvent } from './event.ts';
import { PublishError } from './publish-error.ts';
import type { Entry } from './queue.ts';
import type { LastFailure } from './sender.ts';

/** Why something failed: an answer of the hub, or what was found without one. */
type Why = Partial<LastFailure> & { readonly found?: string };

/** The error for an event that is not published. */
export function failed(
  { topic, line }: Pick<Entry, 'topic' | 'line'>,
  code: PublishErrorCode,
  found: string,
  why: Why = {},
): PublishError {
  const message = `could not publish an event to the topic ${JSON.stringify(topic)}: ${found}`;
  return new PublishError({ ...fieldsOf(why), code, message, topic, event: decodeEvent(line).event });
}

/** What an error has of a failure, of which only what is there. */
export function fieldsOf(why: Why): Partial<Failure> {
  const {
    type: _,
    maybe: _maybe,
    lasting: _lasting,
    line: _line,
    verdict: _verdict,
    error: _error,
    found: _found,
    ...fields
  } = why;
  return fields;
}
