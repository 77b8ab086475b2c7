import { expect, test } from 'vitest';
import { filterTopics, keepOrder, readDirectory } from '../src/topic-directory.ts';
import type { TopicSummary } from '../src/topic-directory.ts';

function summaries(...topics: string[]): TopicSummary[] {
  return topics.map((topic) => ({ topic, isClosed: false, isLeased: false, events: 1, listeners: 0, last: undefined }));
}

const names = (topics: readonly TopicSummary[]): string[] => topics.map(({ topic }) => topic);

test('the list of topics is read', () => {
  const json = JSON.stringify({
    topics: [{ topic: 'a', state: 'closed', events: 3, bytes: 9, listeners: 1, last: '2026-01-01T00:00:00.000Z' }],
    total: 1200,
    cursor: 'e.3',
    epoch: 'e',
  });
  expect(readDirectory(json)).toEqual({
    topics: [
      { topic: 'a', isClosed: true, isLeased: false, events: 3, listeners: 1, last: '2026-01-01T00:00:00.000Z' },
    ],
    total: 1200,
  });
});

test('a topic that nothing is kept of has no newest event', () => {
  expect(readDirectory('{"topics":[{"topic":"a","events":0,"listeners":2,"last":null}],"total":1}')?.topics).toEqual([
    { topic: 'a', isClosed: false, isLeased: false, events: 0, listeners: 2, last: undefined },
  ]);
});

test('a text that is no list of topics is none', () => {
  for (const json of ['', 'x', 'null', '[]', '{"topics":1}']) expect(readDirectory(json)).toBeUndefined();
});

test('the filter finds topics that hold every word, whatever the case', () => {
  const topics = summaries('sensors/Kitchen', 'sensors/hall', 'orders');
  expect(names(filterTopics(topics, 'SENSORS k'))).toEqual(['sensors/Kitchen']);
  expect(names(filterTopics(topics, '  '))).toEqual(names(topics));
  expect(filterTopics(topics, 'nothing')).toEqual([]);
});

test('a held list keeps its order, with new topics last', () => {
  expect(names(keepOrder(summaries('new', 'c', 'a', 'b'), ['a', 'b', 'c', 'gone']))).toEqual(['a', 'b', 'c', 'new']);
});
