import { expect, test } from 'vitest';
import { COMPLETE, FIRST_CONNECTION, nextConnection } from '../src/connection.ts';
import type { TopicSummary } from '../src/topic-directory.ts';
import { topicState } from '../src/topic-state.ts';

const OPEN = nextConnection(FIRST_CONNECTION, { kind: 'open', now: 0 });
const ENDED = nextConnection(OPEN, COMPLETE);

function listed(state: Partial<TopicSummary>): TopicSummary {
  return { topic: 'a', isClosed: false, isLeased: false, events: 1, listeners: 0, last: undefined, ...state };
}

test('a topic is known by the list, by an event or by its end', () => {
  expect(topicState(undefined, OPEN, false).isKnown).toBe(false);
  expect(topicState(listed({}), OPEN, false).isKnown).toBe(true);
  expect(topicState(undefined, OPEN, true).isKnown).toBe(true);
  expect(topicState(undefined, ENDED, false).isKnown).toBe(true);
});

test('a topic is closed if the list or its stream says so', () => {
  expect(topicState(listed({}), OPEN, true).isClosed).toBe(false);
  expect(topicState(listed({ isClosed: true }), OPEN, true).isClosed).toBe(true);
  expect(topicState(listed({}), ENDED, true).isClosed).toBe(true);
});

test('a topic is leased if the list says so and it has not come to its end', () => {
  expect(topicState(listed({ isLeased: true }), OPEN, true).isLeased).toBe(true);
  expect(topicState(listed({ isLeased: true }), ENDED, true).isLeased).toBe(false);
});
