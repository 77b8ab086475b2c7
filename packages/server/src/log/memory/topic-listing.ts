import type { TopicPage, TopicPageRequest, TopicSummary } from '../event-log.ts';
import type { PublicPage } from '../keeping/topic-summary.ts';
import type { Turn } from '../keeping/turns.ts';
import type { KeptEntries } from './kept-entries.ts';
import type { KeptTopic } from './kept-topic.ts';

/** Puts a page of topics together, in one go or in several. @param trim applies the retention before each */
export function topicListing(
  { topics, names, publicTopics }: KeptEntries,
  { order, after, limit, publicOnly = false }: TopicPageRequest,
  trim: () => void,
): (turn: Turn) => TopicPage | undefined {
  const found: PublicPage = { topics: [], limit, after };
  return (turn) => {
    trim();
    if (publicOnly && publicTopics.differ) {
      if (order === 'name' && !publicTopics.extend(found, names, turn)) return undefined;
      return { topics: order === 'name' ? found.topics : publicTopics.newest(limit), total: publicTopics.total };
    }
    const page =
      order === 'time' ? topics.newest(limit) : names.page(after, limit).flatMap((topic) => topics.get(topic) ?? []);
    return { topics: page.map(summary), total: topics.size };
  };
}

function summary({ topic, entries, bytes, last }: KeptTopic): TopicSummary {
  return { topic, events: entries.length, bytes, last };
}
