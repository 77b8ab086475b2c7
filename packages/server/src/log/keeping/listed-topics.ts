import type { TopicSummary, TopicTotals } from '../event-log.ts';
import type { KnownTopics } from './topic-book.ts';
import { finalSeqOf } from './topic-rules.ts';

/** Topics of which events are kept, as they are listed for who sees their private events, or does not. */
export function listedTopics(totals: readonly TopicTotals[], known: KnownTopics, publicOnly: boolean): TopicSummary[] {
  return totals.map(({ topic, events, bytes, last }) => {
    const record = known.get(topic);
    const isClosed = record !== undefined && finalSeqOf(record, !publicOnly) !== undefined;
    const isLeased = !publicOnly && record?.lease !== undefined;
    return { topic, events, bytes, last, state: isClosed ? 'closed' : 'open', isLeased };
  });
}
