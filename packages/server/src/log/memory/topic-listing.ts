import type { TopicPage, TopicPageRequest, TopicTotals } from '../event-log.ts';
import type { KnownTopics } from '../keeping/topic-book.ts';
import { listedTopics } from '../keeping/listed-topics.ts';
import type { PublicPage } from '../keeping/topic-summary.ts';
import type { Turn } from '../keeping/turns.ts';
import type { KeptEntries } from './kept-entries.ts';
import type { KeptTopic } from './kept-topic.ts';

/** Puts a page of topics together, in one go or in several. @param trim applies the retention before each */
export function topicListing(
  { topics, names, publicTopics }: KeptEntries,
  known: KnownTopics,
  { order, after, limit, publicOnly = false }: TopicPageRequest,
  trim: () => void,
): (turn: Turn) => TopicPage | undefined {
  const found: PublicPage = { topics: [], limit, after };
  return (turn) => {
    trim();
    if (publicOnly && publicTopics.differ) {
      if (order === 'name' && !publicTopics.extend(found, names, turn)) return undefined;
      const page = order === 'name' ? found.topics : publicTopics.newest(limit);
      return { topics: listedTopics(page, known, publicOnly), total: publicTopics.total };
    }
    const page =
      order === 'time' ? topics.newest(limit) : names.page(after, limit).flatMap((topic) => topics.get(topic) ?? []);
    return { topics: listedTopics(page.map(totals), known, publicOnly), total: topics.size };
  };
}

function totals({ topic, entries, bytes, last }: KeptTopic): TopicTotals {
  return { topic, events: entries.length, bytes, last };
}
