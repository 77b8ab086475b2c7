import { checkParameters, type Answer } from '@tidings/server/live';
import type { AppendOptions } from '@tidings/server/log';
import { requireRight, requireSomeRight } from '../../access/require.ts';
import { flag } from '../../http/flag.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { placedRefusal, readBatch, type BatchEvent } from './bodies/batch.ts';
import {
  asStructured,
  type CloudEventMode,
  cloudEventMode,
  jsonOf,
  readCloudEvent,
  readCloudEvents,
} from './bodies/cloud-events.ts';
import { readLines } from './bodies/json-lines.ts';
import { appendOptions, idempotencyKey } from './idempotency.ts';
import { leasesOf } from './life/final.ts';
import { append, contentType, type Published, publishedAnswer } from './published.ts';
import { isTopicInQuery } from './topic.ts';

/** The media type of lines that are events and name their topics. */
export const LINES = 'application/x-ndjson';

/** Publishes a body whose events name their topics, as one batch (PROTOCOL §4.11, §4.13). @throws {Problem} @throws {ServerError} */
export async function publishToMany(context: FaceContext, exchange: Exchange): Promise<Answer> {
  const { request, url, rights } = exchange;
  const type = contentType(request);
  const mode = cloudEventMode(request, type);
  if (!mode && type !== LINES) throw noTopic(type);
  // Before its body, so that a stranger cannot make the hub read one.
  requireSomeRight(rights, 'publish');
  context.requireOrigin(exchange, 'publish here');
  if (mode) return await publishCloudEvents(context, exchange, mode, undefined);
  checkParameters(url.searchParams, []);
  const key = idempotencyKey(exchange);
  const leases = leasesOf(context, exchange);
  const body = context.bodies.open(request);
  try {
    const bytes = await body.whole(context.limits.maxBodyBytes);
    const options = { ...appendOptions(key, exchange, bytes, 'lines'), leases };
    return publishedAnswer(
      exchange,
      await appendBatch(context, exchange, readLines(bytes, context.limits, rights), options),
    );
  } finally {
    body.close();
  }
}

/**
 * Publishes CloudEvents as one batch (PROTOCOL §4.13).
 * @param topic undefined if each of them names its own
 * @throws {Problem} @throws {ServerError}
 */
export async function publishCloudEvents(
  context: FaceContext,
  exchange: Exchange,
  mode: CloudEventMode,
  topic: string | undefined,
): Promise<Answer> {
  const { request, url } = exchange;
  const { limits } = context;
  checkParameters(url.searchParams, topic !== undefined && isTopicInQuery(url) ? ['topic', 'private'] : ['private']);
  const isPrivate = flag(url.searchParams, 'private');
  const key = idempotencyKey(exchange, topic);
  const leases = leasesOf(context, exchange);
  const body = context.bodies.open(request);
  try {
    const bytes = await body.whole(mode === 'batch' ? limits.maxBodyBytes : limits.maxEventBytes);
    const text = mode === 'binary' ? asStructured(request, bytes) : jsonOf(bytes);
    const target = { topic, private: isPrivate, limits };
    const found = mode === 'batch' ? readCloudEvents(text, target) : readCloudEvent(text, target);
    // Of a CloudEvent in header fields, its JSON stands for all that was sent.
    const sent = mode === 'binary' ? Buffer.from(text) : bytes;
    const options = { ...appendOptions(key, exchange, sent, `cloud events, ${mode}`), leases };
    return publishedAnswer(exchange, await appendBatch(context, exchange, found, options));
  } finally {
    body.close();
  }
}

/** Appends the events of a body as one batch. The topic of each has to be covered by the rights. */
async function appendBatch(
  context: FaceContext,
  exchange: Exchange,
  found: Iterable<BatchEvent>,
  options: AppendOptions,
): Promise<Published> {
  const { limits } = context;
  const covered = new Set<string>();
  const batch = await readBatch(found, limits.maxBatchEvents, ({ topics: [topic = ''] }) => {
    if (covered.has(topic)) return;
    requireRight(exchange.rights, 'publish', [topic]);
    covered.add(topic);
  });
  if (batch.events.length === 0) return { ids: [] };
  try {
    const receipt = await append(context, batch.events, options);
    context.reports.published(exchange.request, exchange.rights, batch.events.length);
    return receipt;
  } catch (error) {
    throw await placedRefusal(batch, error);
  }
}

function noTopic(type: string): Problem {
  const found = type === '' ? 'has no type' : `is ${JSON.stringify(type)}`;
  return new Problem(
    'invalid-topic',
    `No topic is named, and the body ${found}: publish to /topics/{topic} or to /topics?topic={topic}, or send ${LINES} or CloudEvents, which name their topics themselves`,
  );
}
