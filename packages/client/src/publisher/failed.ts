import { PublishError, type PublishErrorCode } from '../errors.ts';
import type { Unstored } from './answer.ts';
import type { Entry } from './queue.ts';

/** The error for an event that is not published. */
export function failed(
  { topic, line }: Pick<Entry, 'topic' | 'line'>,
  code: PublishErrorCode,
  found: string,
  why: Partial<Pick<Unstored, 'cause' | 'status' | 'headers' | 'body' | 'problem'>> = {},
): PublishError {
  const message = `could not publish an event to the topic ${JSON.stringify(topic)}: ${found}`;
  const { cause, status, headers, body, problem } = why;
  return new PublishError({ code, message, topic, event: line, cause, status, headers, body, problem });
}
