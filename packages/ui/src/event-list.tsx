import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { isComplete } from './connection.ts';
import type { Connection } from './connection.ts';
import { FeedRowView } from './event-row.tsx';
import { countAfter, MAX_ROWS } from './feed.ts';
import { useFollow } from './follow.ts';
import { countText } from './time-text.ts';
import type { TopicFeed } from './topic-feed.ts';

interface EventListProps {
  readonly topicFeed: TopicFeed;
  readonly isClosed: boolean;
  /** The rows that newer ones have replaced, by their keys. */
  readonly older: ReadonlySet<number>;
}

/** The rows of a topic, newest at the bottom, where the view stays until the person scrolls up. */
export function EventList({ topicFeed, isClosed, older }: EventListProps): JSX.Element {
  const view = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const follow = useFollow(view, list);
  const { rows, dropped } = topicFeed.feed.value;

  const newestSeen = useRef(0);
  const isFollowing = follow.isFollowing.value;
  if (isFollowing) newestSeen.current = rows.at(-1)?.key ?? 0;
  const unseen = countAfter(topicFeed.feed.value, newestSeen.current);
  return (
    <div class="feed">
      <div
        class="feed-view"
        ref={view}
        onScroll={follow.onScroll}
        tabIndex={0}
        role="region"
        aria-label={`Events of ${topicFeed.topic}`}
      >
        <div ref={list}>
          {dropped > 0 && (
            <p class="feed-note">
              Only the newest {MAX_ROWS.toLocaleString('en')} events stay on this page, to keep it light.{' '}
              {dropped.toLocaleString('en')} older {dropped === 1 ? 'one was' : 'ones were'} let go of.
            </p>
          )}
          {rows.length === 0 && (
            <p class="feed-note">{emptyText(topicFeed.connection.value, topicFeed.type.value, isClosed)}</p>
          )}
          <ol id="events" onClick={(event) => isOpening(event.target) && follow.pause()}>
            {rows.map((row) => (
              <FeedRowView key={row.key} row={row} isOlder={older.has(row.key)} />
            ))}
          </ol>
        </div>
      </div>
      {!isFollowing && (
        <button type="button" id="to-newest" class="to-newest" onClick={follow.toEnd}>
          {unseen > 0 ? `${countText(unseen, 'new event')} ↓` : 'Jump to newest ↓'}
        </button>
      )}
    </div>
  );
}

/** Why no event is shown. What the hub refuses is said beside the state of the connection. */
function emptyText(connection: Connection, type: string, isClosed: boolean): string {
  if (isComplete(connection)) {
    return type === '' ? 'No event of this topic is kept.' : `No event of the type ${type} here.`;
  }
  if (connection.phase === 'closed') return '';
  // The events of a closed topic are on their way until its stream has ended.
  if (connection.phase !== 'open' || isClosed) return 'Waiting for the hub…';
  return type === ''
    ? 'Nothing here yet. What is published to this topic appears at once.'
    : `No event of the type ${type} here yet. One that is published appears at once.`;
}

/** A person who opens a long event reads it: it must not be scrolled away. */
function isOpening(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.ariaExpanded === 'false';
}
