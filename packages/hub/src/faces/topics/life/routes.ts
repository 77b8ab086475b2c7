import { type Answer, DURATION_FORM, formatDuration, parameter, parseDuration } from '@tidings/server/live';
import { ServerError } from '@tidings/server/log';
import { endLease, holderOf } from '../../../access/access.ts';
import { requireRight } from '../../../access/require.ts';
import { jsonAnswer, textAnswer } from '../../../http/answer.ts';
import { flag } from '../../../http/flag.ts';
import { Problem } from '../../../http/problem.ts';
import type { Exchange, HubRequest } from '../../../http/request.ts';
import type { FaceContext } from '../../face.ts';
import { idempotencyKey } from '../bodies/idempotency.ts';
import { leasesOf, statesOf } from './final.ts';
import { MAX_OPTIONS_BYTES, readTopicOptions, showTopicOptions } from './options.ts';

const MIN_LEASE_MS = 1000;
const MAX_LEASE_MS = 24 * 60 * 60 * 1000;

/** Answers `PUT` of a topic: creates it, or leases it (PROTOCOL §12.4, §12.5). @throws {Problem} @throws {ServerError} */
export async function putTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  return asksForLease(exchange)
    ? await leaseTopic(context, exchange, topic)
    : await createTopic(context, exchange, topic);
}

/** Answers `DELETE` of a topic: deletes it, or gives its lease back (PROTOCOL §12.7, §12.8). @throws {Problem} @throws {ServerError} */
export async function deleteTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  if (asksForLease(exchange)) return await releaseTopic(context, exchange, topic);
  requireRight(exchange.rights, 'manage', [topic]);
  context.requireOrigin(exchange, 'delete topics here');
  refuseFields(exchange, 'give the lease back', 'delete the topic with its events', ['If-Match', 'If-None-Match']);
  const { existed } = await context.writes.watch(statesOf(context).delete(topic));
  return jsonAnswer(200, JSON.stringify({ topic, existed }));
}

async function createTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  const { request, rights } = exchange;
  requireRight(rights, 'manage', [topic]);
  context.requireOrigin(exchange, 'create topics here');
  refuseFields(exchange, 'lease the topic or renew its lease', 'create the topic or set its options', ['If-Match']);
  const states = statesOf(context);
  const onlyUnknown = isOnlyUnknown(request.header('if-none-match'));
  const body = context.bodies.open(request);
  try {
    const options = readTopicOptions(await body.whole(MAX_OPTIONS_BYTES));
    context.requireHolding(exchange);
    const { created } = await context.writes.watch(states.create(topic, options, { onlyUnknown }));
    const kept = options.keep === undefined ? await states.status(topic) : options;
    return jsonAnswer(created ? 201 : 200, JSON.stringify({ topic, created, ...showTopicOptions(options, kept) }));
  } finally {
    body.close();
  }
}

async function leaseTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  const { request, url, rights } = exchange;
  requireRight(rights, 'publish', [topic]);
  context.requireOrigin(exchange, 'lease topics here');
  const given = parameter(url.searchParams, 'lease') ?? '';
  const ms = parseDuration(given);
  if (ms === undefined || ms < MIN_LEASE_MS || ms > MAX_LEASE_MS) {
    const found = `The query parameter lease is ${JSON.stringify(given)}`;
    throw new Problem(
      'invalid-parameter',
      `${found}; allowed is ${DURATION_FORM}, from 1s to ${formatDuration(MAX_LEASE_MS)}`,
    );
  }
  const states = statesOf(context);
  const token = tokenOf(context, exchange);
  const key = idempotencyKey(exchange, topic);
  if (token !== undefined && key !== undefined) {
    throw new Problem(
      'invalid-parameter',
      'The request has Tidings-Lease and Idempotency-Key; allowed is one of them: a renewal can be sent again as it is',
    );
  }
  await requireNothingElse(context, request);
  context.requireHolding(exchange);
  try {
    const lease = await context.writes.watch(
      states.lease(topic, ms, { token, key, holder: holderOf(exchange.rights) }),
    );
    await endIfRevoked(context, exchange, topic, lease.token);
    const until = new Date(lease.until).toISOString();
    return jsonAnswer(200, JSON.stringify({ topic, lease: lease.token, until, ms }));
  } catch (error) {
    if (!(error instanceof ServerError) || error.code !== 'ERR_LEASED') throw error;
    const waitMs = (error.until ?? 0) - context.clock.time();
    const headers = { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))) };
    throw new Problem('leased', error.message, { cause: error, headers });
  }
}

/** Ends a lease that was taken while the token of its sender was revoked. @throws {Problem} `unauthorized` */
async function endIfRevoked(context: FaceContext, exchange: Exchange, topic: string, token: string): Promise<void> {
  try {
    context.requireHolding(exchange);
  } catch (error) {
    await endLease(context.log, topic, token);
    throw error;
  }
}

async function releaseTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  requireRight(exchange.rights, 'publish', [topic]);
  context.requireOrigin(exchange, 'give leases back here');
  flag(exchange.url.searchParams, 'lease');
  const states = statesOf(context);
  const token = tokenOf(context, exchange);
  if (token === undefined) {
    throw new Problem('invalid-parameter', 'The lease to give back is not named: send its token as Tidings-Lease');
  }
  await context.writes.watch(states.release(topic, token));
  return textAnswer(204, '');
}

/** Refuses what would be ignored: a lease neither creates a topic nor has options. @throws {Problem} */
async function requireNothingElse(context: FaceContext, request: HubRequest): Promise<void> {
  const other = request.header('if-none-match') === undefined ? undefined : 'the header field If-None-Match';
  const body = context.bodies.open(request);
  try {
    const found = other ?? ((await body.whole(MAX_OPTIONS_BYTES)).length > 0 ? 'a body' : undefined);
    if (found === undefined) return;
    throw new Problem(
      'invalid-parameter',
      `The request for a lease has ${found}, which is only for creating a topic: PUT it without the query parameter lease first`,
    );
  } finally {
    body.close();
  }
}

/**
 * Refuses header fields that would be ignored (PROTOCOL §12.13). Who sends one means something else than a request without a lease does, which cannot be undone.
 * @param conditions the conditions that such a request does not have
 * @throws {Problem} `invalid-parameter`
 */
function refuseFields({ request }: Exchange, leasing: string, other: string, conditions: readonly string[]): void {
  const given = (name: string): boolean => request.header(name.toLowerCase()) !== undefined;
  const ofLease = ['Tidings-Lease', 'Idempotency-Key'].find(given);
  if (ofLease !== undefined) {
    throw new Problem(
      'invalid-parameter',
      `The request has the header field ${ofLease}, which is for leases: add the query parameter lease to ${leasing}, or leave the field out to ${other}`,
    );
  }
  const condition = conditions.find(given);
  if (condition === undefined) return;
  throw new Problem('invalid-parameter', `The header field ${condition} has no meaning here: leave it out to ${other}`);
}

function asksForLease({ url }: Exchange): boolean {
  return url.searchParams.has('lease');
}

/** The token of the one lease that a request names. @throws {Problem} `invalid-parameter` */
function tokenOf(context: FaceContext, exchange: Exchange): string | undefined {
  const [token, ...others] = leasesOf(context, exchange);
  if (others.length === 0) return token;
  throw new Problem(
    'invalid-parameter',
    `The Tidings-Lease header field has ${others.length + 1} tokens; allowed is one`,
  );
}

/** Whether a topic is to be made only if it is unknown. @throws {Problem} `invalid-parameter` */
function isOnlyUnknown(condition: string | undefined): boolean {
  if (condition === undefined) return false;
  if (condition.trim() === '*') return true;
  throw new Problem('invalid-parameter', `If-None-Match is ${JSON.stringify(condition)}; allowed is *`);
}
