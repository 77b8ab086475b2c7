import { type Answer, checkParameters } from '@tidings/server/live';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext, MakeFace } from '../face.ts';
import { TopicDocuments } from './directory.ts';
import { asksForPage, hasMatchers, listenToMatches, listenToTopic, OF_STREAMS } from './listen.ts';
import { publish } from './publish.ts';
import { publishToMany } from './publish-batch.ts';
import { counting } from './published.ts';
import { withForm } from './query.ts';
import { isSearch, searchTopics } from './search.ts';
import { headOfTopic, withTopicFields } from './life/head.ts';
import { putTopic, deleteTopic } from './life/routes.ts';
import { isTopicInQuery, topicOfPath, topicOfQuery } from './topic.ts';

const ROOT = '/topics';

const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE']);

/** Makes the face for publishing, listening, the life of topics and their list, at `/topics` (PROTOCOL §3 to §7, §12). */
export function topics(): MakeFace {
  return (context) => {
    const documents = new TopicDocuments(context);
    return {
      name: 'topics',
      match({ pathname }) {
        if (pathname === ROOT || pathname === `${ROOT}/`) return ['GET', 'QUERY', 'POST', 'PUT', 'DELETE'];
        return pathname.startsWith(`${ROOT}/`) ? ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] : undefined;
      },
      async handle(exchange) {
        const { request, url } = exchange;
        const rest = url.pathname.slice(ROOT.length + 1);
        if (rest === '') {
          if (WRITES.has(request.method)) {
            const named = topicOfQuery(url.searchParams);
            if (named === undefined && request.method === 'POST') {
              return await counting(context, publishToMany(context, exchange));
            }
            return await write(context, exchange, named ?? unnamed());
          }
          const asked = request.method === 'QUERY' ? await withForm(context, exchange) : exchange;
          if (hasMatchers(asked.url)) return await listenToMatches(context, asked);
          if (isSearch(asked.url)) return await searchTopics(context, asked);
          return await documents.answer(asked);
        }
        const topic = topicOfPath(rest);
        if (request.method === 'GET') return await listenToTopic(context, exchange, topic);
        if (request.method === 'HEAD') {
          // A page is read as for GET, and its head is sent.
          if (asksForPage(exchange)) {
            return await withTopicFields(context, exchange, topic, await listenToTopic(context, exchange, topic));
          }
          return await headOfTopic(context, exchange, topic, OF_STREAMS);
        }
        return await write(context, exchange, topic);
      },
    };
  };
}

/** @throws {Problem} `invalid-topic` */
function unnamed(): never {
  throw new Problem('invalid-topic', 'No topic is named; name one as /topics/{topic} or as /topics?topic={topic}');
}

async function write(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  const { request, url } = exchange;
  if (request.method !== 'POST')
    checkParameters(url.searchParams, isTopicInQuery(url) ? ['topic', 'lease'] : ['lease']);
  context.requireUnreserved(topic);
  switch (request.method) {
    case 'PUT':
      return putTopic(context, exchange, topic);
    case 'DELETE':
      return deleteTopic(context, exchange, topic);
    default:
      return await counting(context, publish(context, exchange, topic));
  }
}
