import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { topicHash } from './address.ts';
import { MissingList } from './missing-list.tsx';
import { base, directory, openTopic, retryNow } from './page.ts';
import { agoText, countText } from './time-text.ts';
import { filterTopics, keepOrder } from './topic-directory.ts';
import { TopicSearch } from './topic-search.ts';
import type { TopicSummary } from './topic-directory.ts';

/** From this many topics on there is a box to filter them. */
const FILTER_FROM = 8;

/** How often the ages of the newest events are updated, in milliseconds. */
const AGES_MS = 5000;

/** All topics, the newest event's first. While the pointer or the focus is on it, the list keeps its order. */
export function TopicList(): JSX.Element {
  const filter = useSignal('');
  const isHeld = useSignal(false);
  const now = useSignal(Date.now());
  const shown = useRef<readonly string[]>([]);
  const search = useRef(new TopicSearch(base));
  useSignalEffect(() => {
    void directory.value;
    now.value = Date.now();
    const timer = setInterval(() => (now.value = Date.now()), AGES_MS);
    return () => clearInterval(timer);
  });

  const list = useRef<HTMLUListElement>(null);
  const isListed = topicsHave(openTopic.value);
  // The open topic is seen in a long list, once it is in it. The person may scroll it away then.
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [openTopic.value, isListed]);

  const known = directory.value;
  const topics = known?.topics ?? [];
  const ordered = isHeld.value ? keepOrder(topics, shown.current) : topics;
  shown.current = ordered.map(({ topic }) => topic);
  const hasMore = known !== undefined && known.total > topics.length;
  useSignalEffect(() => {
    const { total = 0, topics: listed = [] } = directory.value ?? {};
    search.current.ask(total > listed.length ? filter.value.trim() : '');
  });
  const listed = new Set(shown.current);
  const elsewhere = search.current.found.value.filter(({ topic }) => !listed.has(topic));
  const found = [...filterTopics(ordered, filter.value), ...elsewhere];
  return (
    <nav class="topics" aria-label="Topics">
      <div class="topics-head">
        <h2>Topics</h2>
        {known !== undefined && <span class="count">{known.total.toLocaleString('en')}</span>}
      </div>
      {topics.length >= FILTER_FROM && (
        <input
          id="topic-filter"
          type="search"
          placeholder="Filter topics"
          aria-label="Filter topics"
          value={filter.value}
          onInput={(event) => (filter.value = event.currentTarget.value)}
        />
      )}
      <ul
        id="topics"
        ref={list}
        onPointerEnter={() => (isHeld.value = true)}
        onPointerLeave={() => (isHeld.value = false)}
        onFocusIn={() => (isHeld.value = true)}
        onFocusOut={() => (isHeld.value = false)}
      >
        {found.map((summary) => (
          <TopicLink key={summary.topic} summary={summary} now={now.value} isOpen={summary.topic === openTopic.value} />
        ))}
      </ul>
      {known === undefined && <MissingList />}
      {known !== undefined && topics.length === 0 && <p class="quiet">No topics yet.</p>}
      {topics.length > 0 && found.length === 0 && (
        <p class="quiet">
          No topic matches the filter
          {hasMore && `, and among the others none begins with it`}.
        </p>
      )}
      {hasMore && (
        <p class="quiet">
          {filter.value.trim() === ''
            ? `These are the ${topics.length.toLocaleString('en')} with the newest events. The filter finds the others by how their names begin.`
            : `Of the other ${countText(known.total - topics.length, 'topic')}, those are shown whose names begin with the filter.`}
        </p>
      )}
    </nav>
  );
}

/** Whether a topic is in the list. */
function topicsHave(name: string | null): boolean {
  return directory.value?.topics.some(({ topic }) => topic === name) === true;
}

function TopicLink(props: { summary: TopicSummary; now: number; isOpen: boolean }): JSX.Element {
  const { topic, isClosed, isLeased, events, listeners, last } = props.summary;
  return (
    <li>
      <a
        href={topicHash(topic)}
        data-topic={topic}
        aria-current={props.isOpen ? 'page' : undefined}
        onClick={() => props.isOpen && retryNow()}
      >
        <span class="topic-name" title={topic}>
          {topic}
        </span>
        {last !== undefined && (
          <time dateTime={last} title={last}>
            {agoText(last, props.now)}
          </time>
        )}
        <span class="topic-counts">
          <span data-count="events">{countText(events, 'event')}</span>
          <span data-count="listeners">{countText(listeners, 'listener')}</span>
          {isClosed && <span data-count="state">closed</span>}
          {isLeased && <span data-count="state">leased</span>}
        </span>
      </a>
    </li>
  );
}
