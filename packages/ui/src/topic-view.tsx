import type { JSX } from 'preact';
import { CopySnippet } from './copy-snippet.tsx';
import { isComplete } from './connection.ts';
import { EventList } from './event-list.tsx';
import { MAX_ROWS } from './feed.ts';
import { ManageTopic } from './manage-topic.tsx';
import { base, directory, snippetAccess } from './page.ts';
import { PublishForm } from './publish-form.tsx';
import { topicSnippets } from './snippet.ts';
import { countText } from './time-text.ts';
import type { TopicFeed } from './topic-feed.ts';

/** One topic: what was published, what arrives, and a form to publish more. */
export function TopicView({ topicFeed }: { topicFeed: TopicFeed }): JSX.Element {
  const { topic } = topicFeed;
  const isClosed = isComplete(topicFeed.connection.value);
  return (
    <div class="topic-view">
      <header class="topic-head">
        <a href="#/" class="back" aria-label="All topics">
          ←
        </a>
        <h1 id="topic-name">{topic}</h1>
        <Kept topicFeed={topicFeed} />
        <ManageTopic topic={topic} isClosed={isClosed} />
        <details class="connect">
          <summary>How to connect</summary>
          <div class="connect-panel">
            {topicSnippets(base, topic, snippetAccess.value).map((snippet) => (
              <CopySnippet key={snippet.title} snippet={snippet} />
            ))}
          </div>
        </details>
      </header>
      <EventList topicFeed={topicFeed} />
      {isClosed ? (
        <p id="closed">This topic is closed. Nothing can be published to it.</p>
      ) : (
        <PublishForm topic={topic} />
      )}
    </div>
  );
}

/** How much of the topic is on the page, and a way to see the rest. */
function Kept({ topicFeed }: { topicFeed: TopicFeed }): JSX.Element {
  const summary = directory.value?.topics.find(({ topic }) => topic === topicFeed.topic);
  const shown = topicFeed.feed.value.rows.length;
  const hasMore = summary !== undefined && summary.events > shown;
  return (
    <p class="kept">
      {summary !== undefined && (
        <>
          {hasMore ? `${shown.toLocaleString('en')} of ` : ''}
          {countText(summary.events, 'event')} kept, {countText(summary.listeners, 'listener')}
        </>
      )}
      {hasMore && shown < MAX_ROWS && topicFeed.start.value === 'newest' && (
        <button type="button" id="show-everything" class="link" onClick={() => topicFeed.showEverything()}>
          Show everything kept
        </button>
      )}
    </p>
  );
}
