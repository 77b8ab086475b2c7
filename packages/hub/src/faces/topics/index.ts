import type { MakeFace } from '../face.ts';
import { TopicDocuments } from './directory.ts';
import { hasMatchers, listenToMatches, listenToTopic } from './listen.ts';
import { publish } from './publish.ts';
import { publishToMany } from './publish-batch.ts';
import { withForm } from './query.ts';
import { isSearch, searchTopics } from './search.ts';
import { topicOfPath, topicOfQuery } from './topic.ts';

const ROOT = '/topics';

/** Makes the face for publishing, listening and the list of topics, at `/topics` (PROTOCOL §3 to §7). */
export function topics(): MakeFace {
  return (context) => {
    const documents = new TopicDocuments(context);
    return {
      name: 'topics',
      match({ pathname }) {
        if (pathname === ROOT || pathname === `${ROOT}/`) return ['GET', 'QUERY', 'POST'];
        return pathname.startsWith(`${ROOT}/`) ? ['GET', 'POST'] : undefined;
      },
      async handle(exchange) {
        const { request, url } = exchange;
        const rest = url.pathname.slice(ROOT.length + 1);
        if (rest === '') {
          if (request.method === 'POST') {
            const named = topicOfQuery(url.searchParams);
            if (named === undefined) return await publishToMany(context, exchange);
            return await publish(context, exchange, named);
          }
          const asked = request.method === 'QUERY' ? await withForm(context, exchange) : exchange;
          if (hasMatchers(asked.url)) return await listenToMatches(context, asked);
          if (isSearch(asked.url)) return await searchTopics(context, asked);
          return await documents.answer(asked);
        }
        const topic = topicOfPath(rest);
        if (request.method === 'GET') return await listenToTopic(context, exchange, topic);
        return await publish(context, exchange, topic);
      },
    };
  };
}
