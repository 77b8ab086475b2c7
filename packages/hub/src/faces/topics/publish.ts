import { checkParameters, parameter, wholeNumber, type Answer } from '@tidings/server/live';
import type { AppendOptions, AppendReceipt, NewEvent } from '@tidings/server/log';
import type { EventFields } from '@tidings/wire';
import { requireRight } from '../../access/require.ts';
import { textAnswer } from '../../http/answer.ts';
import { Problem, problemOf } from '../../http/problem.ts';
import { bodyParts, readBody, type Exchange, type HubRequest } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { isTopicInQuery } from './topic.ts';
import { checkData, checkType, Upload } from './upload.ts';

/** Publishes the body of a request (PROTOCOL §4). @throws {Problem} @throws {ServerError} */
export async function publish(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  const { request, url, rights } = exchange;
  requireRight(rights, 'publish', [topic]);
  context.requireOrigin(exchange, 'publish here');
  const isStream = /^text\/event-stream\s*(;|$)/i.test(request.header('content-type') ?? '');
  const names = isStream ? ['private'] : ['type', 'id', 'retry', 'private'];
  checkParameters(url.searchParams, isTopicInQuery(url) ? ['topic', ...names] : names);
  const isPrivate = url.searchParams.has('private');
  const toEvent = (fields: EventFields): NewEvent => ({ topics: [topic], fields, private: isPrivate });
  const key = idempotencyKey(request, topic);

  if (!isStream) {
    const event = toEvent(await plainFields(context, exchange));
    return published(await append(context, [event], key));
  }
  if (!key) return published(await publishParts(context, request, toEvent));
  const upload = new Upload(context.limits.maxEventBytes);
  const body = await readBody(request, context.limits.maxBodyBytes, context.deadline);
  const events = upload.write(body).map(toEvent);
  return published(events.length === 0 ? undefined : await append(context, events, key));
}

/** Publishes an upload as it arrives, a batch for each part. */
async function publishParts(
  context: FaceContext,
  request: HubRequest,
  toEvent: (fields: EventFields) => NewEvent,
): Promise<AppendReceipt | undefined> {
  const upload = new Upload(context.limits.maxEventBytes);
  let receipt: AppendReceipt | undefined;
  let count = 0;
  try {
    for await (const chunk of bodyParts(request, context.deadline)) {
      const events = upload.write(chunk).map(toEvent);
      if (events.length === 0) continue;
      receipt = await append(context, events);
      count += events.length;
    }
  } catch (error) {
    const problem = problemOf(error);
    if (!problem || !receipt) throw error;
    // The events before it stay published, and the publisher must know where to go on.
    throw new Problem(
      problem.problem,
      `${problem.message}; the ${count} events before its part of the stream have been published`,
      {
        cause: problem.cause,
        headers: problem.headers,
        extra: { published: count, lastId: receipt.id },
      },
    );
  }
  return receipt;
}

async function append(
  { log, writes }: FaceContext,
  events: readonly NewEvent[],
  key: AppendOptions = {},
): Promise<AppendReceipt> {
  try {
    const receipt = await log.append(events, key);
    writes.succeeded();
    return receipt;
  } catch (error) {
    writes.failed(error);
    throw error;
  }
}

async function plainFields({ limits, deadline }: FaceContext, { request, url }: Exchange): Promise<EventFields> {
  const type = parameter(url.searchParams, 'type');
  const id = parameter(url.searchParams, 'id');
  const retry = wholeNumber(url.searchParams, 'retry', Number.MAX_SAFE_INTEGER);
  if (type) checkType(type);
  const bytes = await readBody(request, limits.maxEventBytes, deadline);
  let data: string;
  try {
    data = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Problem('invalid-event', 'The body is not valid UTF-8', { cause: error });
  }
  checkData(data, limits.maxEventBytes);
  return {
    data,
    ...(type ? { event: type } : {}),
    ...(id === undefined ? {} : { id }),
    ...(retry === undefined ? {} : { retry }),
  };
}

/** The key that makes it safe to send the request again, for its topic (PROTOCOL §4.6). */
function idempotencyKey(request: HubRequest, topic: string): { readonly key: string } | undefined {
  const key = request.header('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new Problem(
      'invalid-parameter',
      'The Idempotency-Key header field must be 1 to 255 printable ASCII characters',
    );
  }
  return { key: `${key}\n${topic}` };
}

function published(receipt: AppendReceipt | undefined): Answer {
  return textAnswer(200, receipt?.id ?? '');
}
