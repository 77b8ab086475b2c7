import { expect, test } from 'vitest';
import { appendRows, countAfter, EMPTY_FEED, MAX_ROWS, MAX_SIZE, olderValues, readRow } from '../src/feed.ts';
import type { FeedRow } from '../src/feed.ts';

function row(key: number, data = ''): FeedRow {
  return {
    kind: 'event',
    key,
    id: `e.${key}`,
    type: 'message',
    time: undefined,
    data,
    latestKey: undefined,
    forgetsKey: false,
    missed: false,
  };
}

function rows(from: number, to: number): FeedRow[] {
  return Array.from({ length: to - from + 1 }, (_, index) => row(from + index));
}

test('a feed keeps its newest rows, oldest first, and counts those it let go of', () => {
  const feed = appendRows(appendRows(EMPTY_FEED, rows(1, MAX_ROWS)), rows(MAX_ROWS + 1, MAX_ROWS + 3));
  expect(feed.rows).toHaveLength(MAX_ROWS);
  expect(feed.rows[0]?.key).toBe(4);
  expect(feed.rows.at(-1)?.key).toBe(MAX_ROWS + 3);
  expect(feed.dropped).toBe(3);
});

test('a feed lets go of the oldest rows when their data is too much in all', () => {
  const half = 'x'.repeat(MAX_SIZE / 2);
  const feed = appendRows(EMPTY_FEED, [row(1, half), row(2, half), row(3, 'y')]);
  expect(feed.rows.map(({ key }) => key)).toEqual([2, 3]);
  expect(feed.size).toBe(MAX_SIZE / 2 + 1);
});

test('a feed keeps its newest row however large it is', () => {
  const feed = appendRows(appendRows(EMPTY_FEED, rows(1, 5)), [row(6, 'x'.repeat(MAX_SIZE + 1))]);
  expect(feed.rows.map(({ key }) => key)).toEqual([6]);
  expect(appendRows(feed, [row(7)]).rows.map(({ key }) => key)).toEqual([7]);
});

test('a feed that nothing was added to is the same feed', () => {
  const feed = appendRows(EMPTY_FEED, rows(1, 3));
  expect(appendRows(feed, [])).toBe(feed);
});

test('a feed counts what arrived after a row, also when that row is gone', () => {
  const feed = appendRows(EMPTY_FEED, rows(1, MAX_ROWS + 10));
  expect(countAfter(feed, 5)).toBe(MAX_ROWS + 5);
  expect(countAfter(feed, MAX_ROWS + 10)).toBe(0);
  expect(countAfter(EMPTY_FEED, 0)).toBe(0);
});

test('an event is taken out of its envelope', () => {
  const data = JSON.stringify({ topic: 'a', time: '2026-01-02T03:04:05.678Z', data: '{"n":1}' });
  expect(readRow({ type: 'created', data, lastEventId: 'e.9' }, 7)).toEqual({
    kind: 'event',
    key: 7,
    id: 'e.9',
    type: 'created',
    time: '2026-01-02T03:04:05.678Z',
    data: '{"n":1}',
    latestKey: undefined,
    forgetsKey: false,
    missed: false,
  });
});

test('the key of an event is taken out of its envelope, and whether it is forgotten', () => {
  const read = (envelope: object): unknown =>
    readRow({ type: 'message', data: JSON.stringify({ data: 'x', ...envelope }), lastEventId: 'e.9' }, 7);
  expect(read({ key: 'USD' })).toMatchObject({ latestKey: 'USD', forgetsKey: false });
  expect(read({ key: 'USD', forget: true })).toMatchObject({ latestKey: 'USD', forgetsKey: true });
  expect(read({ key: 7, forget: 1 })).toMatchObject({ latestKey: undefined, forgetsKey: false });
});

test('an event without an envelope is shown as it came', () => {
  for (const data of ['plain', '42', 'null', '{"topic":"a"}', '{']) {
    expect(readRow({ type: 'message', data, lastEventId: '' }, 1)).toMatchObject({
      kind: 'event',
      data,
      time: undefined,
    });
  }
});

test('a gap is a row of its own', () => {
  const gap = { after: 'e.3', resumedAt: 'e.8', reason: 'trimmed' };
  const event = { type: 'tidings-gap', data: JSON.stringify(gap), lastEventId: 'e.8', ...gap };
  expect(readRow(event, 4)).toEqual({ kind: 'gap', key: 4, id: 'e.8', ...gap });
});

test('of the rows with a key, the newest has its value; without a key the type is one', () => {
  const keyed = (key: number, latestKey: string | undefined, type = 'message'): FeedRow => {
    const made = row(key);
    return made.kind === 'gap' ? made : { ...made, latestKey, type };
  };
  const feed = appendRows(EMPTY_FEED, [
    keyed(1, 'a'),
    keyed(2, undefined),
    keyed(3, 'message'),
    { kind: 'gap', key: 4, id: '', after: '', resumedAt: '', reason: 'trimmed' },
    keyed(5, 'a', 'other'),
    keyed(6, undefined, 'other'),
    keyed(7, undefined),
  ]);
  expect(olderValues(feed)).toEqual(new Set([1, 2]));
});
