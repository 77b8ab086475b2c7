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
import { appendOptions, idempotencyKey } from './bodies/idempotency.ts';
import { leasesOf, statesOf } from './life/final.ts';
import { append, contentType, notePublished, openBody, type Published, publishedAnswer } from './published.ts';
import { isTopicInQuery } from './topic.ts';

/** The most leases of a batch. Other publishers wait while a log looks at them. */
const MAX_LEASES = 1000;

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
  const leases = new Set(leasesOf(context, exchange));
  const body = openBody(context, exchange);
  try {
    const { limits } = context;
    const bytes = await body.whole(limits.maxBodyBytes);
    const options = appendOptions(key, exchange, bytes, 'lines');
    const found = readLines(bytes, { limits, rights, leases, requireStates: () => void statesOf(context) });
    return publishedAnswer(
      exchange,
      await appendBatch(context, exchange, found, { ...options, leases, size: bytes.length }),
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
  const leases = new Set(leasesOf(context, exchange));
  const body = openBody(context, exchange);
  try {
    const bytes = await body.whole(mode === 'batch' ? limits.maxBodyBytes : limits.maxEventBytes);
    const text = mode === 'binary' ? asStructured(request, bytes) : jsonOf(bytes);
    const target = { topic, private: isPrivate, limits };
    const found = mode === 'batch' ? readCloudEvents(text, target) : readCloudEvent(text, target);
    // Of a CloudEvent in header fields, its JSON stands for all that was sent.
    const sent = mode === 'binary' ? Buffer.from(text) : bytes;
    const options = { ...appendOptions(key, exchange, sent, `cloud events, ${mode}`), leases, size: bytes.length };
    return publishedAnswer(exchange, await appendBatch(context, exchange, found, options));
  } finally {
    body.close();
  }
}

/** How a body of events is appended. The leases are whole when its events have been read. */
type BatchOptions = Pick<AppendOptions, 'key' | 'digest'> & {
  readonly leases: ReadonlySet<string>;
  /** The length of the body, in bytes. */
  readonly size: number;
};

/** Appends the events of a body as one batch. The topic of each has to be covered by the rights. */
async function appendBatch(
  context: FaceContext,
  exchange: Exchange,
  found: Iterable<BatchEvent>,
  { leases, size, ...options }: BatchOptions,
): Promise<Published> {
  const { limits } = context;
  const covered = new Set<string>();
  const batch = await readBatch(found, limits.maxBatchEvents, ({ topics: [topic = ''] }) => {
    if (covered.has(topic)) return;
    requireRight(exchange.rights, 'publish', [topic]);
    context.requireUnreserved(topic);
    covered.add(topic);
  });
  if (batch.events.length === 0) return { ids: [] };
  if (leases.size > MAX_LEASES) {
    throw new Problem('too-large', `The batch names ${leases.size} leases; at most ${MAX_LEASES} are allowed`);
  }
  try {
    const receipt = await append(context, exchange, batch.events, { ...options, leases: [...leases] });
    notePublished(context, exchange, batch.events.length, size);
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
