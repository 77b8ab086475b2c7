import {
  type Answer,
  checkParameters,
  choice,
  findStart,
  isComplete,
  listenParameters,
  type Sink,
} from '@tidings/server/live';
import { type EventPlace, formatCursor, parseCursor, Selector, type TopicStatus } from '@tidings/server/log';
import { requireRight } from '../../../access/require.ts';
import { COMPLETE } from '../../../http/answer.ts';
import type { Exchange } from '../../../http/request.ts';
import type { FaceContext } from '../../face.ts';
import { showTopicOptions } from './options.ts';

/** An answer whose length nobody knows. Only its head is sent. */
const STREAM = { status: 200, start: (sink: Sink): void => sink.end(), abandon: (): void => {} };

/**
 * Answers `HEAD` of a topic: as `GET` would be answered, with what the sender may know of the topic (PROTOCOL §12.9). It takes no place of a listener.
 * @param names the names of the query parameters that `GET` has
 * @throws {Problem} @throws {ServerError}
 */
export async function headOfTopic(
  context: FaceContext,
  exchange: Exchange,
  topic: string,
  names: readonly string[],
): Promise<Answer> {
  const { request, url, rights } = exchange;
  checkParameters(url.searchParams, names);
  choice(url.searchParams, 'envelope', ['json']);
  const parameters = listenParameters(request, url.searchParams);
  requireRight(rights, 'listen', [topic]);
  const selection = { topics: [topic], private: rights.private ?? [] };
  await context.ready(exchange);
  const start = await findStart(context.log, selection, parameters);
  const answer: Answer = isComplete(start) ? COMPLETE : { ...STREAM, headers: context.streamHead(exchange).headers };
  return await withTopicFields(context, exchange, topic, answer);
}

/**
 * Adds what a sender may know of a topic to an answer to `HEAD` (PROTOCOL §12.9). The sender has to have the right to listen to it.
 * @throws {ServerError}
 */
export async function withTopicFields(
  { log, fanOut }: FaceContext,
  { rights }: Exchange,
  topic: string,
  answer: Answer,
): Promise<Answer> {
  const publicOnly = !Selector.of({ topics: [topic], private: rights.private ?? [] }).private.has(topic);
  const status = await log.topics?.status(topic, { publicOnly });
  if (!status) return answer;
  // What a filter lets through is not counted anywhere.
  const counted = rights.filter ? {} : fieldsOf(status, fanOut.position.epoch, publicOnly);
  const known = { 'Tidings-State': status.state, ...counted, ...optionFields(status) };
  return { ...answer, headers: { ...answer.headers, ...known } };
}

/** The options of a topic that was created, and what is kept of a topic. They show nothing of its events. */
function optionFields(status: TopicStatus): Record<string, string> {
  if (status.state === 'unknown') return {};
  const { ttl, keep } = showTopicOptions(status.options ?? {}, status);
  return { ...(ttl === undefined ? {} : { 'Tidings-Ttl': ttl }), 'Tidings-Keep': keep };
}

function fieldsOf(status: TopicStatus, epoch: string, publicOnly: boolean): Record<string, string> {
  const { events, earliest, newest, leasedUntil } = status;
  // Private events renew a lease, too.
  const isTold = leasedUntil !== undefined && !publicOnly;
  return {
    'Tidings-Events': String(events),
    ...(earliest ? { 'Tidings-Earliest': cursorOf(earliest, epoch) } : {}),
    ...(newest ? { 'Tidings-Newest': cursorOf(newest, epoch) } : {}),
    ...(isTold ? { 'Tidings-Leased-Until': new Date(leasedUntil).toISOString() } : {}),
  };
}

/** The cursor of an event: the one it got in its own epoch, unless its id is the publisher's. */
function cursorOf({ id, seq }: EventPlace, epoch: string): string {
  return parseCursor(id) ? id : formatCursor({ epoch, seq });
}
