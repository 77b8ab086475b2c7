import { isComplete } from './connection.ts';
import type { Connection } from './connection.ts';
import type { TopicSummary } from './topic-directory.ts';
import type { TopicHead } from './topic-head.ts';

/** What the page knows of a topic, which decides what it offers to do with it. */
export interface TopicState {
  /** Whether the hub has it, or had it when the page was told of it. */
  readonly isKnown: boolean;
  readonly isClosed: boolean;
  /** Whether only one producer can publish to it. */
  readonly isLeased: boolean;
}

/**
 * Puts together what is known of a topic.
 * @param summary what the list says of it
 * @param head what the hub has told of it. The list is newer, but has only topics with events
 * @param connection that of its stream
 * @param hasShown whether an event of it was shown
 */
export function topicState(
  summary: TopicSummary | undefined,
  head: TopicHead | undefined,
  connection: Connection,
  hasShown: boolean,
): TopicState {
  const hasEnded = isComplete(connection);
  const isClosed = hasEnded || (summary ?? head)?.isClosed === true;
  const isLeased = summary ? summary.isLeased : head?.leasedUntil !== undefined;
  return {
    isKnown: hasEnded || summary !== undefined || head?.isKnown === true || hasShown,
    isClosed,
    isLeased: !isClosed && isLeased,
  };
}
