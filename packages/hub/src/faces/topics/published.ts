import type { Answer } from '@tidings/server/live';
import type { AppendOptions, AppendReceipt, NewEvent } from '@tidings/server/log';
import { type Body, declaredLength } from '../../http/bodies.ts';
import { jsonAnswer, textAnswer } from '../../http/answer.ts';
import { problemOf } from '../../http/problem.ts';
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

/** Counts a publish by what comes of it. @throws what it throws */
export async function counting({ counts }: FaceContext, publish: Promise<Answer>): Promise<Answer> {
  try {
    const answer = await publish;
    counts.publishes.add('published');
    return answer;
  } catch (error) {
    counts.publishes.add(problemOf(error)?.problem ?? 'internal');
    throw error;
  }
}

/** Appends events for a sender, whose rights have to hold still. @throws {Problem} @throws {ServerError} what the log throws */
export async function append(
  context: FaceContext,
  exchange: Exchange,
  events: readonly NewEvent[],
  options: AppendOptions = {},
): Promise<AppendReceipt> {
  context.requireHolding(exchange);
  const receipt = await context.writes.watch(context.log.append(events, options));
  if (receipt.repeated) context.counts.repeats += 1;
  return receipt;
}

/**
 * Opens the body of a publish, unless its sender has published too much. It counts as one event of the length that it declares.
 * @throws {Problem} `too-many-requests`, `too-many-uploads`
 */
export function openBody({ rates, bodies }: FaceContext, exchange: Exchange): Body {
  rates.check(exchange);
  rates.count(exchange, 1, declaredLength(exchange.request));
  return bodies.open(exchange.request);
}

/** Takes note of what was published: for the logger, and for how much its sender may. @param bytes the length of the body */
export function notePublished(
  { rates, reports }: FaceContext,
  exchange: Exchange,
  events: number,
  bytes: number,
): void {
  rates.count(exchange, events - 1, bytes - declaredLength(exchange.request));
  reports.published(exchange.request, exchange.rights, events);
}

/** The media type of a body, in small letters and without parameters. */
export function contentType(request: HubRequest): string {
  const [type = ''] = (request.header('content-type') ?? '').split(';', 1);
  return type.trim().toLowerCase();
}
