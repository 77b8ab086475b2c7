import type { Answer } from '@tidings/server/live';
import type { AppendOptions, AppendReceipt, NewEvent } from '@tidings/server/log';
import { jsonAnswer, textAnswer } from '../../http/answer.ts';
import { preferred } from '../../http/preference.ts';
import type { Exchange, HubRequest } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

/** What was published. */
export interface Published {
  /** The ids of all events, or of the last one only if they were published as they arrived. */
  readonly ids: readonly string[];
  /** How many events there are, if they were published as they arrived. */
  readonly count?: number;
}

/** The answer to a publish: the id of the last event, or the ids of all for a sender that prefers JSON (PROTOCOL §4.12). */
export function publishedAnswer({ request }: Exchange, { ids, count }: Published): Answer {
  const isJson = preferred(request, ['text/plain', 'application/json']) === 'application/json';
  return isJson
    ? jsonAnswer(200, JSON.stringify({ ids, ...(count === undefined ? {} : { published: count }) }))
    : textAnswer(200, ids.at(-1) ?? '');
}

export async function append(
  { log, writes }: FaceContext,
  events: readonly NewEvent[],
  options: AppendOptions = {},
): Promise<AppendReceipt> {
  return await writes.watch(log.append(events, options));
}

/** The media type of a body, in small letters and without parameters. */
export function contentType(request: HubRequest): string {
  const [type = ''] = (request.header('content-type') ?? '').split(';', 1);
  return type.trim().toLowerCase();
}
