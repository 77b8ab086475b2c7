import { type Answer, checkParameters, parameter, wholeNumber } from '@tidings/server/live';
import { ownRights } from '../../access/everyone.ts';
import { requireRight } from '../../access/require.ts';
import { jsonAnswer } from '../../http/answer.ts';
import { asksForStream } from '../../http/preference.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext, MakeFace } from '../face.ts';
import { BEGINNING, type ListenerPlace } from '../presence/listed.ts';
import { topicOfQuery } from '../topics/topic.ts';
import { ListenerDocuments } from './documents.ts';
import { ListenerStreams } from './streams.ts';

/** How many listeners a page has if the request does not say, and at most. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

const OF_PAGES: readonly string[] = ['topic', 'limit', 'after'];
const OF_STREAMS: readonly string[] = ['topic'];

/** Makes the face that tells who listens to a topic, at `/listeners` (PROTOCOL §18). */
export function listeners(): MakeFace {
  return (context) => {
    const documents = new ListenerDocuments(context.processes);
    const streams = new ListenerStreams(context, documents);
    return {
      name: 'listeners',
      match: ({ pathname }) => (pathname === '/listeners' ? ['GET'] : undefined),
      handle: (exchange) => answer(context, { documents, streams }, exchange),
    };
  };
}

async function answer(
  context: FaceContext,
  { documents, streams }: { readonly documents: ListenerDocuments; readonly streams: ListenerStreams },
  exchange: Exchange,
): Promise<Answer> {
  const { request, url, rights } = exchange;
  const query = url.searchParams;
  const isStream = asksForStream(request);
  checkNames(query, isStream);
  const topic = topicOfQuery(query);
  if (topic === undefined) {
    throw new Problem('invalid-topic', 'No topic is named; name one as /listeners?topic={topic}');
  }
  // Nothing of a topic is told to who may not listen to it by a right of its own, whatever else its rights allow.
  requireRight(ownRights(rights), 'listen', [topic], `see who listens to ${JSON.stringify(topic)}`);
  requireRight(rights, 'presence', [topic]);
  const limit = wholeNumber(query, 'limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  const after = placeOf(documents, parameter(query, 'after'));
  await context.ready(exchange);
  if (isStream) return streams.answer(exchange, topic);
  const page = await context.everyone.page(topic, after, limit);
  context.requireHolding(exchange);
  return jsonAnswer(200, documents.page(topic, page, after));
}

/** @throws {Problem} `invalid-parameter` @throws {ServerError} `ERR_INVALID_PARAMETER` */
function checkNames(query: URLSearchParams, isStream: boolean): void {
  const ofPage = OF_PAGES.find((name) => query.has(name) && !OF_STREAMS.includes(name));
  if (isStream && ofPage !== undefined) {
    throw new Problem(
      'invalid-parameter',
      `The query parameter ${ofPage} is for a page, and a stream has all listeners: ask for a page with Accept: application/json`,
    );
  }
  checkParameters(query, isStream ? OF_STREAMS : OF_PAGES);
}

/** The place of the listener behind which a page begins. @throws {Problem} `invalid-parameter` */
function placeOf(documents: ListenerDocuments, id: string | undefined): ListenerPlace {
  if (id === undefined) return BEGINNING;
  const place = documents.placeOf(id);
  if (place) return place;
  throw new Problem(
    'invalid-parameter',
    `The query parameter after is ${JSON.stringify(id.slice(0, 64))}, which is no id that this hub has given to a listener since it was started; allowed is the next of a page`,
  );
}
