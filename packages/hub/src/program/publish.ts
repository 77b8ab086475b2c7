import { createHash } from 'node:crypto';
import type { Authentication } from '@tidings/server';
import { checkRights } from '@tidings/server/live';
import type { NewEvent } from '@tidings/server/log';
import { type EventFields, GAP_TYPE } from '@tidings/wire';
import { requireAdmin, requireRight } from '../access/require.ts';
import { checkNames } from '../errors.ts';
import type { FaceContext } from '../faces/face.ts';
import { CLOSED } from '../faces/topics/bodies/closed.ts';
import { checkData, checkRetry, checkTopic, checkType } from '../faces/topics/bodies/checks.ts';
import { withForgotten } from '../faces/topics/bodies/forgotten.ts';
import { Problem, problemOf } from '../http/problem.ts';

export interface HubPublishOptions {
  /** Whether only listeners with a right to private events of the topic get it. @default false */
  readonly private?: boolean | undefined;
  /**
   * The name of the value that the event updates, for a log that keeps the latest by key. Other logs keep all events. 1 to 1,024 bytes of UTF-8.
   * @default the event's type
   */
  readonly key?: string | undefined;
  /**
   * Whether there is no value of the `key` any more, which has to be given. An event without type and data is then `tidings-forgotten` (PROTOCOL §13.5).
   * @default false
   */
  readonly forget?: boolean | undefined;
  /** Whether the event closes the topic. One without type and data is then `tidings-closed` (PROTOCOL §12.1). @default false */
  readonly final?: boolean | undefined;
  /** The tokens of leases: a publish to a leased topic needs the token of its lease. @default none */
  readonly leases?: readonly string[] | undefined;
  /**
   * Makes the publish safe to repeat: for 24 hours one to the same topic with the same key and event stores nothing. Keys of requests are others, whatever their
   * name. 1 to 255 characters.
   * @default none
   */
  readonly idempotencyKey?: string | undefined;
  /** Whose publish it is: what `authenticate` found out about a request. @default the program's: everything is allowed */
  readonly rights?: Authentication | undefined;
}

export interface PublishReceipt {
  /** The event's id: the one among its fields, or its cursor. */
  readonly id: string;
  /** Whether it had been published before with the same idempotency key, so that nothing was published now. */
  readonly repeated: boolean;
}

const NAMES: Readonly<Record<keyof HubPublishOptions, true>> = {
  private: true,
  key: true,
  forget: true,
  final: true,
  leases: true,
  idempotencyKey: true,
  rights: true,
};

/**
 * Publishes an event for the program that runs the hub, with the checks of a request.
 * @throws {Problem} @throws {ServerError} what is no problem of the sender's @throws {HubError} `ERR_INVALID_OPTION`
 */
export async function publishHere(
  context: FaceContext,
  topic: string,
  fields: EventFields,
  options: HubPublishOptions,
): Promise<PublishReceipt> {
  const { counts, reports } = context;
  try {
    const receipt = await publish(context, topic, fields, options);
    counts.publishes.add('published');
    return receipt;
  } catch (error) {
    const problem = problemOf(error);
    counts.publishes.add(problem?.problem ?? 'internal');
    if (problem?.problem === 'not-stored') reports.error(problem.cause, 'Events could not be stored');
    throw problem ?? error;
  }
}

async function publish(
  context: FaceContext,
  topic: string,
  fields: EventFields,
  options: HubPublishOptions,
): Promise<PublishReceipt> {
  const { log, limits, clock, reports, writes, closing, counts } = context;
  checkNames('', options, NAMES);
  if (closing.aborted) throw new Problem('draining', 'The hub is shutting down');
  if (typeof topic !== 'string')
    throw new Problem('invalid-topic', `The topic is ${typeof topic}, but must be a string`);
  checkTopic(topic);
  context.requireUnreserved(topic);
  const given = options.rights === undefined ? undefined : checkRights(options.rights, clock.time());
  if (given?.allow === false) throw new Problem('forbidden', 'The rights are a refusal, or have expired');
  if (given) requireRight(given, 'publish', [topic]);
  const { event, data, retry } = fields ?? {};
  if (typeof event === 'string') {
    if (event !== GAP_TYPE) checkType(event);
    else if (given) requireAdmin(given, `publish events of the type ${GAP_TYPE}`);
  }
  if (typeof data === 'string') checkData(data, limits.maxEventBytes);
  if (typeof retry === 'number') checkRetry(retry, limits.maxRetryMs);
  const { idempotencyKey, leases } = options;
  const appendOptions = {
    ...(leases === undefined ? {} : { leases }),
    ...(idempotencyKey === undefined ? {} : { key: keyOf(idempotencyKey, topic, given?.subject) }),
  };
  const { id, repeated } = await writes.watch(log.append([eventOf(topic, fields, options)], appendOptions));
  if (repeated) counts.repeats += 1;
  reports.publishedHere(topic, given?.subject);
  return { id, repeated };
}

function eventOf(topic: string, fields: EventFields, options: HubPublishOptions): NewEvent {
  const { key: latestKey, forget, final, private: isPrivate } = options;
  if (forget && latestKey === undefined) {
    throw new Problem('invalid-parameter', 'The option forget needs the option key, which names the key to forget');
  }
  const saysNothing = fields?.event === undefined && (fields?.data ?? '') === '';
  const own = saysNothing && final ? CLOSED : saysNothing && forget ? { data: '' } : {};
  return withForgotten({
    topics: [topic],
    // What is no object the log refuses.
    fields: typeof fields === 'object' && fields !== null ? { ...fields, ...own } : fields,
    ...(isPrivate === undefined ? {} : { private: isPrivate }),
    ...(latestKey === undefined ? {} : { latestKey }),
    ...(forget === undefined ? {} : { forget }),
    ...(final === undefined ? {} : { final }),
  });
}

/** The log's key. Keys of requests have three parts, so that no sender finds or takes the program's. */
function keyOf(key: string, topic: string, subject: string | undefined): string {
  if (typeof key === 'string' && key.length >= 1 && key.length <= 255) {
    return createHash('sha256')
      .update(JSON.stringify(['program', subject ?? null, topic, key]))
      .digest('base64url');
  }
  throw new Problem('invalid-parameter', 'The idempotencyKey must be a string of 1 to 255 characters');
}
