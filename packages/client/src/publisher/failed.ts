import type { PublishErrorCode } from '../errors.ts';
import type { Failure } from './answer.ts';
import { decodeEvent } from './event.ts';
import { PublishError } from './publish-error.ts';
import type { Entry } from './queue.ts';

/** The error for an event that is not published. */
export function failed(
  { topic, line }: Pick<Entry, 'topic' | 'line'>,
  code: PublishErrorCode,
  found: string,
  why: Partial<Pick<Failure, 'cause' | 'status' | 'headers' | 'body' | 'problem'>> = {},
): PublishError {
  const message = `could not publish an event to the topic ${JSON.stringify(topic)}: ${found}`;
  const { cause, status, headers, body, problem } = why;
  return new PublishError({
    code,
    message,
    topic,
    event: decodeEvent(line).event,
    cause,
    status,
    headers,
    body,
    problem,
  });
}
