import { expect, test } from 'vitest';
import { COMPLETE, FIRST_CONNECTION, nextConnection } from '../src/connection.ts';
import type { TopicSummary } from '../src/topic-directory.ts';
import type { TopicHead } from '../src/topic-head.ts';
import { topicState } from '../src/topic-state.ts';

const OPEN = nextConnection(FIRST_CONNECTION, { kind: 'open', now: 0 });
const ENDED = nextConnection(OPEN, COMPLETE);

function listed(state: Partial<TopicSummary>): TopicSummary {
  return { topic: 'a', isClosed: false, isLeased: false, events: 1, listeners: 0, last: undefined, ...state };
}

test('a topic is known by the list, by an event or by its end', () => {
  expect(topicState(undefined, undefined, OPEN, false).isKnown).toBe(false);
  expect(topicState(listed({}), undefined, OPEN, false).isKnown).toBe(true);
  expect(topicState(undefined, undefined, OPEN, true).isKnown).toBe(true);
  expect(topicState(undefined, undefined, ENDED, false).isKnown).toBe(true);
});

test('a topic is closed if the list or its stream says so', () => {
  expect(topicState(listed({}), undefined, OPEN, true).isClosed).toBe(false);
  expect(topicState(listed({ isClosed: true }), undefined, OPEN, true).isClosed).toBe(true);
  expect(topicState(listed({}), undefined, ENDED, true).isClosed).toBe(true);
});

test('a topic is leased if the list says so and it has not come to its end', () => {
  expect(topicState(listed({ isLeased: true }), undefined, OPEN, true).isLeased).toBe(true);
  expect(topicState(listed({ isLeased: true }), undefined, ENDED, true).isLeased).toBe(false);
});

test('a topic without events is what the hub tells of it, until the list has it', () => {
  const head: TopicHead = { isKnown: true, isClosed: false, leasedUntil: 1, keepsLatest: false };
  const of = (summary: TopicSummary | undefined, told: Partial<TopicHead>): unknown =>
    topicState(summary, { ...head, ...told }, OPEN, false);
  expect(of(undefined, {})).toEqual({ isKnown: true, isClosed: false, isLeased: true });
  expect(of(undefined, { isKnown: false, leasedUntil: undefined })).toMatchObject({ isKnown: false, isLeased: false });
  expect(of(undefined, { isClosed: true })).toMatchObject({ isClosed: true, isLeased: false });
  expect(of(listed({}), {})).toEqual({ isKnown: true, isClosed: false, isLeased: false });
});
