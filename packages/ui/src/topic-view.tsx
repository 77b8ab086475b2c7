import type { JSX } from 'preact';
import { SHOWN_AT_FIRST } from './address.ts';
import { EventList } from './event-list.tsx';
import { MAX_ROWS, olderValues } from './feed.ts';
import { ManageTopic } from './manage-topic.tsx';
import { base, directory, openHead, openSummary, snippetAccess } from './page.ts';
import { hubKey, sender } from './hub-key.ts';
import { LEASED } from './publish.ts';
import { PublishForm } from './publish-form.tsx';
import { isRefused } from './refusals.ts';
import { SnippetList } from './snippet-list.tsx';
import { topicSnippets } from './snippet.ts';
import { countText } from './time-text.ts';
import type { TopicFeed } from './topic-feed.ts';
import { topicState } from './topic-state.ts';
import type { TopicState } from './topic-state.ts';

const NONE: ReadonlySet<number> = new Set();

/** One topic: what was published, what arrives, and a form to publish more. */
export function TopicView({ topicFeed }: { topicFeed: TopicFeed }): JSX.Element {
  const { topic } = topicFeed;
  const connection = topicFeed.connection.value;
  // A topic that was made anew may have no events of the type that is shown, and is in the list all the same.
  const isGone = topicFeed.isDeleted.value && (topicFeed.type.value === '' || openSummary.value === undefined);
  const summary = isGone ? undefined : openSummary.value;
  const state = topicState(summary, openHead.value, connection, !isGone && topicFeed.types.value.length > 0);
  const older = openHead.value?.keepsLatest === true ? olderValues(topicFeed.feed.value) : NONE;
  const whyNot = whyNotPublish(topic, state);
  const canPublish = whyNot === undefined;
  // A form that goes again at once would move the events.
  const isTold = directory.value !== undefined || connection.phase !== 'connecting';
  return (
    <div class="topic-view">
      <header class="topic-head">
        <a href="#/" class="back" aria-label="All topics">
          ←
        </a>
        <h1 id="topic-name" title={topic} tabIndex={-1}>
          {topic}
        </h1>
        <Kept topicFeed={topicFeed} older={older.size} />
        <TypeFilter topicFeed={topicFeed} />
        <ManageTopic key={hubKey.value} topic={topic} state={state} />
        <details class="connect">
          <summary>How to connect</summary>
          <div class="connect-panel">
            <SnippetList snippets={topicSnippets(base, topic, snippetAccess.value, canPublish)} />
          </div>
        </details>
      </header>
      <EventList topicFeed={topicFeed} isClosed={state.isClosed} older={older} />
      {whyNot !== undefined && (
        <p id={whyNot.id} class="no-form" role="status">
          {whyNot.text}
        </p>
      )}
      <PublishForm topic={topic} isHidden={!canPublish || !isTold} />
    </div>
  );
}

/** Why nothing can be published to a topic, as far as the page knows. */
function whyNotPublish(topic: string, { isClosed, isLeased }: TopicState): { id: string; text: string } | undefined {
  if (isClosed) return { id: 'closed', text: 'This topic is closed. Nothing can be published to it.' };
  if (isLeased) return { id: 'leased', text: LEASED };
  if (!isRefused('publish', topic)) return undefined;
  return { id: 'refused', text: `${sender.value} may not publish to this topic or close it.` };
}

/** Which events are shown: all, or those of one type. It offers the types that the page has seen, and takes any. */
function TypeFilter({ topicFeed }: { topicFeed: TopicFeed }): JSX.Element | null {
  const { type, types } = topicFeed;
  if (type.value === '' && types.value.length === 0) return null;
  return (
    <form class="type-filter" onSubmit={(event) => event.preventDefault()}>
      <input
        id="type-filter"
        type="search"
        list="types"
        placeholder="All types"
        aria-label="Show only events of this type"
        value={type.value}
        onInput={(event) => event.currentTarget.value === '' && topicFeed.showType('')}
        onChange={(event) => topicFeed.showType(event.currentTarget.value)}
      />
      <datalist id="types">
        {types.value.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </form>
  );
}

/**
 * How much of the topic is on the page, and a way to see the rest.
 * @param props.older how many of the rows newer ones have replaced
 */
function Kept({ topicFeed, older }: { topicFeed: TopicFeed; older: number }): JSX.Element {
  const summary = openSummary.value;
  const shown = topicFeed.feed.value.rows.length - older;
  const isFiltered = topicFeed.type.value !== '';
  const hasMore = summary !== undefined && summary.events > shown;
  // How many there are of a type is not known. If there are more, at first so many are shown.
  const mayShowMore = hasMore && (!isFiltered || shown >= SHOWN_AT_FIRST);
  const latest = openHead.value?.keepsLatest === true;
  return (
    <p class="kept">
      {summary === undefined && latest && 'Keeps the latest of each key'}
      {summary !== undefined && (
        <span
          title={
            latest ? 'A newer event of a key replaces the older ones. Without a key, the type is the key' : undefined
          }
        >
          {isFiltered && `${countText(shown, 'event')} shown, `}
          {hasMore && !isFiltered && `${shown.toLocaleString('en')} of `}
          {isFiltered ? `${summary.events.toLocaleString('en')} of all types` : countText(summary.events, 'event')} kept
          {latest && ', the latest of each key'}, {countText(summary.listeners, 'listener')}
          {summary.isLeased && ', leased by its producer'}
        </span>
      )}
      {mayShowMore && shown < MAX_ROWS && topicFeed.start.value === 'newest' && (
        <button type="button" id="show-everything" class="link" onClick={() => topicFeed.showEverything()}>
          Show everything kept
        </button>
      )}
    </p>
  );
}
