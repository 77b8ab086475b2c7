import { isComplete } from './connection.ts';
import type { Connection } from './connection.ts';
import type { TopicSummary } from './topic-directory.ts';

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
 * @param connection that of its stream
 * @param hasShown whether an event of it was shown
 */
export function topicState(summary: TopicSummary | undefined, connection: Connection, hasShown: boolean): TopicState {
  const hasEnded = isComplete(connection);
  const isClosed = hasEnded || summary?.isClosed === true;
  return {
    isKnown: hasEnded || summary !== undefined || hasShown,
    isClosed,
    isLeased: !isClosed && summary?.isLeased === true,
  };
}
