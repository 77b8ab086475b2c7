import { checkParameters, parameter, wholeNumber, type Answer } from '@tidings/server/live';
import { counted, type NewEvent } from '@tidings/server/log';
import { CLOSED_TYPE, type EventFields } from '@tidings/wire';
import { requireRight } from '../../access/require.ts';
import type { Body } from '../../http/bodies.ts';
import { flag } from '../../http/flag.ts';
import { Problem, problemOf } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import { sleep } from '../../http/sleep.ts';
import type { FaceContext } from '../face.ts';
import { checkData, checkType } from './bodies/checks.ts';
import { CLOSED } from './bodies/closed.ts';
import { cloudEventMode } from './bodies/cloud-events.ts';
import { withForgotten } from './bodies/forgotten.ts';
import { Upload } from './bodies/upload.ts';
import { appendOptions, idempotencyKey } from './bodies/idempotency.ts';
import { asksToClose, leasesOf } from './life/final.ts';
import { LINES, publishCloudEvents } from './publish-batch.ts';
import { append, contentType, notePublished, openBody, type Published, publishedAnswer } from './published.ts';
import { isTopicInQuery } from './topic.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One request to publish. */
interface Publish {
  readonly context: FaceContext;
  readonly exchange: Exchange;
  readonly topic: string;
  /** The log's key of a publish that may be sent again. */
  readonly key: string | undefined;
  readonly body: Body;
  /** Whether the last event closes the topic. */
  readonly isClosing: boolean;
  /** The tokens of leases that came with it. */
  readonly leases: readonly string[];
}

/** Publishes the body of a request to a topic (PROTOCOL §4). @throws {Problem} @throws {ServerError} */
export async function publish(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  const { request, url, rights } = exchange;
  requireRight(rights, 'publish', [topic]);
  context.requireOrigin(exchange, 'publish here');
  const mediaType = contentType(request);
  const mode = cloudEventMode(request, mediaType);
  if (mode) return await publishCloudEvents(context, exchange, mode, topic);
  if (mediaType === LINES) throw linesAtTopic();
  const isStream = mediaType === 'text/event-stream';
  const names = isStream ? ['close', 'private'] : ['close', 'type', 'id', 'retry', 'private', 'key', 'forget'];
  checkParameters(url.searchParams, isTopicInQuery(url) ? ['topic', ...names] : names);
  // Before the body, of which parts may be published at once.
  flag(url.searchParams, 'private');
  const isClosing = asksToClose(context, exchange);
  const leases = leasesOf(context, exchange);
  const key = idempotencyKey(exchange, topic);
  const body = openBody(context, exchange);
  // A topic is closed by a batch that is known to its end.
  const work = isStream ? (key === undefined && !isClosing ? publishParts : publishBatch) : publishEvent;
  try {
    return publishedAnswer(exchange, await work({ context, exchange, topic, key, body, isClosing, leases }));
  } finally {
    body.close();
  }
}

/** A batch that was sent one URL too low would be one event with all of its lines as data. */
function linesAtTopic(): Problem {
  return new Problem(
    'unsupported-type',
    `The lines of ${LINES} name their topics themselves: POST them to /topics, without a topic. To publish them as the data of one event, give the body another type, such as text/plain`,
  );
}

/** Publishes one event, whose data is the body. */
async function publishEvent({ context, exchange, topic, key, body, isClosing, leases }: Publish): Promise<Published> {
  const { limits } = context;
  const { searchParams: query } = exchange.url;
  const type = parameter(query, 'type');
  const id = parameter(query, 'id');
  const retry = wholeNumber(query, 'retry', 0, Math.min(limits.maxRetryMs, Number.MAX_SAFE_INTEGER));
  if (type) checkType(type);
  const bytes = await body.whole(limits.maxEventBytes);
  let data: string;
  try {
    data = decoder.decode(bytes);
  } catch (error) {
    throw new Problem('invalid-event', 'The body is not valid UTF-8', { cause: error });
  }
  checkData(data, limits.maxEventBytes);
  const fields = {
    ...(isClosing && data === '' && !type ? CLOSED : { data }),
    ...(type ? { event: type } : {}),
    ...(id === undefined ? {} : { id }),
    ...(retry === undefined ? {} : { retry }),
  };
  const options = { ...appendOptions(key, exchange, bytes, 'data'), leases };
  const event = withForgotten({ ...eventMaker(exchange, topic)(fields), ...latestOf(query) });
  const receipt = await append(context, exchange, [isClosing ? { ...event, final: true } : event], options);
  notePublished(context, exchange, 1, bytes.length);
  return receipt;
}

/** The key of the value that an event updates, and whether it is forgotten with it (PROTOCOL §13). @throws {Problem} `invalid-parameter` */
function latestOf(query: URLSearchParams): Pick<NewEvent, 'latestKey' | 'forget'> {
  const latestKey = parameter(query, 'key');
  const forget = flag(query, 'forget');
  if (forget && latestKey === undefined) {
    throw new Problem(
      'invalid-parameter',
      'The parameter forget needs the parameter key, which names the key to forget',
    );
  }
  return latestKey === undefined ? {} : { latestKey, forget };
}

/** Publishes an event stream whole or not at all. */
async function publishBatch({ context, exchange, topic, key, body, isClosing, leases }: Publish): Promise<Published> {
  const { limits } = context;
  const bytes = await body.whole(limits.maxBodyBytes);
  const upload = new Upload(limits, exchange.rights);
  const toEvent = eventMaker(exchange, topic);
  const events: NewEvent[] = [];
  for (const piece of pieces(bytes)) {
    // Other work goes first, before the next piece is decoded.
    if (piece.byteOffset > bytes.byteOffset) await new Promise((resolve) => setImmediate(resolve));
    for (const fields of upload.write(piece)) events.push(toEvent(fields));
    if (events.length <= limits.maxBatchEvents) continue;
    throw new Problem(
      'too-large',
      `The batch has more than ${counted(limits.maxBatchEvents, 'event')}, which is the most`,
    );
  }
  if (isClosing) {
    const last = events.pop() ?? toEvent(CLOSED);
    events.push({ ...last, final: true });
  }
  if (events.length === 0) return { ids: [] };
  const receipt = await append(context, exchange, events, { ...appendOptions(key, exchange, bytes, 'stream'), leases });
  notePublished(context, exchange, events.length, bytes.length);
  return receipt;
}

/** Publishes an event stream as it arrives, a batch for each part. */
async function publishParts({ context, exchange, topic, body, leases }: Publish): Promise<Published> {
  const { limits } = context;
  const upload = new Upload(limits, exchange.rights);
  const toEvent = eventMaker(exchange, topic);
  const size = Math.min(limits.maxBatchEvents, MAX_PART_EVENTS);
  let ids: readonly string[] = [];
  let count = 0;
  try {
    for await (const part of body.parts()) {
      context.rates.count(exchange, 0, part.length);
      for (const piece of pieces(part)) {
        body.holds(upload.pendingBytes + piece.length);
        const events = upload.write(piece).map(toEvent);
        for (let from = 0; from < events.length; from += size) {
          // Other requests are handled between two batches.
          if (from > 0) await new Promise((resolve) => setImmediate(resolve));
          const batch = events.slice(from, from + size);
          context.rates.count(exchange, batch.length, 0);
          await roomFor(context, exchange);
          const receipt = await append(context, exchange, batch, { leases });
          count += batch.length;
          // Not all ids: an upload may go on for ever.
          ids = [receipt.id];
        }
        body.holds(upload.pendingBytes);
      }
    }
  } catch (error) {
    const problem = problemOf(error);
    if (!problem || count === 0) throw error;
    // The events before it stay published, and the publisher must know where to go on.
    throw new Problem(
      problem.problem,
      `${problem.message}; what came before its part of the stream, ${counted(count, 'event')}, has been published`,
      {
        cause: problem.cause,
        headers: problem.headers,
        extra: { published: count, lastId: ids.at(-1) },
      },
    );
  } finally {
    context.reports.published(exchange.request, exchange.rights, count);
  }
  return { ids, count };
}

/** Waits until a sender that uploads a stream may publish more: it is read more slowly, and nothing of it is refused. */
async function roomFor({ rates, clock, closing }: FaceContext, exchange: Exchange): Promise<void> {
  for (let ms = rates.waitMs(exchange); ms > 0 && !closing.aborted; ms = rates.waitMs(exchange)) {
    await sleep(clock, ms, [closing]);
  }
}

// A part may have very many events of a few bytes: at most this many are appended at once.
const MAX_PART_EVENTS = 1000;

// Node's parts are no larger.
const PIECE_BYTES = 64 * 1024;

/** Cuts bytes into pieces that are decoded one at a time, because the bytes may have very many small events. */
function* pieces(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield bytes.subarray(from, from + PIECE_BYTES);
}

/** Makes events of their fields, all for one topic. What they have in common is read once. */
function eventMaker({ url }: Exchange, topic: string): (fields: EventFields) => NewEvent {
  const topics = [topic];
  const isPrivate = flag(url.searchParams, 'private');
  return (fields) => {
    const event = { topics, fields, private: isPrivate };
    // In a copy of a stream the event with which a hub closes a topic closes the copy.
    return fields.event === CLOSED_TYPE ? { ...event, final: true } : event;
  };
}
