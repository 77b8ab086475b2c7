import type { EventFields } from '@tidings/wire';
import type { AppendReceipt, EventLog, NewEvent } from '@tidings/server/log';
import { bodyParts, checkParameters, digits, single, type Answer, type HubRequest } from '../../http/request.ts';
import type { HubLimits } from '../../limits.ts';
import { Problem, problemOf } from '../../http/problem.ts';
import { checkData, checkType, Upload } from './upload.ts';

/** Publishes the body of a request (PROTOCOL §4). @throws {Problem} @throws {ServerError} */
export async function publish(log: EventLog, limits: HubLimits, request: HubRequest, topic: string): Promise<Answer> {
  const contentType = request.header('content-type') ?? '';
  const isStream = /^text\/event-stream\s*(;|$)/i.test(contentType);
  checkParameters(request.url, isStream ? ['private'] : ['type', 'id', 'retry', 'private']);
  const isPrivate = request.url.searchParams.has('private');
  const toEvent = (fields: EventFields): NewEvent => ({ topics: [topic], fields, private: isPrivate });
  const key = idempotencyKey(request, topic);

  if (!isStream) {
    const event = toEvent(await plainFields(request, limits));
    return published(await log.append([event], key));
  }
  if (!key) return published(await publishParts(log, limits, request, toEvent));
  const upload = new Upload(limits.maxEventBytes);
  const events = upload.write(await readBody(request, limits.maxBodyBytes)).map(toEvent);
  return published(events.length === 0 ? undefined : await log.append(events, key));
}

/** Publishes an upload as it arrives, a batch for each part. */
async function publishParts(
  log: EventLog,
  limits: HubLimits,
  request: HubRequest,
  toEvent: (fields: EventFields) => NewEvent,
): Promise<AppendReceipt | undefined> {
  const upload = new Upload(limits.maxEventBytes);
  let receipt: AppendReceipt | undefined;
  let count = 0;
  try {
    for await (const chunk of bodyParts(request)) {
      const events = upload.write(chunk).map(toEvent);
      if (events.length === 0) continue;
      receipt = await log.append(events);
      count += events.length;
    }
  } catch (error) {
    const problem = problemOf(error);
    if (!problem || !receipt) throw error;
    // What came before stands: the publisher must know where to go on.
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

async function plainFields(request: HubRequest, limits: HubLimits): Promise<EventFields> {
  const type = single(request.url, 'type');
  const id = single(request.url, 'id');
  const retry = digits(request.url, 'retry', Number.MAX_SAFE_INTEGER);
  if (type) checkType(type);
  const bytes = await readBody(request, limits.maxEventBytes);
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

async function readBody(request: HubRequest, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of bodyParts(request)) {
    length += part.length;
    if (length > maxBytes)
      throw new Problem('too-large', `The body is larger than the ${maxBytes} bytes that are allowed`);
    parts.push(part);
  }
  const [first] = parts;
  return first && parts.length === 1 ? first : Buffer.concat(parts);
}

/** The key that makes the publish safe to send again, for its topic (PROTOCOL §4.6). */
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
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
    body: receipt?.id ?? '',
  };
}
