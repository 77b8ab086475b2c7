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
  const { log, fanOut } = context;
  checkParameters(url.searchParams, names);
  choice(url.searchParams, 'envelope', ['json']);
  const parameters = listenParameters(request, url.searchParams);
  requireRight(rights, 'listen', [topic]);
  const selection = { topics: [topic], private: rights.private ?? [] };
  await fanOut.ready();
  const start = await findStart(log, selection, parameters);
  const publicOnly = !Selector.of(selection).private.has(topic);
  const status = await log.topics?.status(topic, { publicOnly });
  const answer: Answer = isComplete(start) ? COMPLETE : { ...STREAM, headers: context.streamHead(exchange).headers };
  if (!status) return answer;
  // What a filter lets through is not counted anywhere.
  const known = rights.filter ? { 'Tidings-State': status.state } : fieldsOf(status, fanOut.position.epoch);
  return { ...answer, headers: { ...answer.headers, ...known } };
}

function fieldsOf({ state, events, earliest, newest }: TopicStatus, epoch: string): Record<string, string> {
  return {
    'Tidings-State': state,
    'Tidings-Events': String(events),
    ...(earliest ? { 'Tidings-Earliest': cursorOf(earliest, epoch) } : {}),
    ...(newest ? { 'Tidings-Newest': cursorOf(newest, epoch) } : {}),
  };
}

/** The cursor of an event: the one it got in its own epoch, unless its id is the publisher's. */
function cursorOf({ id, seq }: EventPlace, epoch: string): string {
  return parseCursor(id) ? id : formatCursor({ epoch, seq });
}
