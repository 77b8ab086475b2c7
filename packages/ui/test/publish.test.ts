import { expect, test } from 'vitest';
import { newAttempt, problemDetail, draftUrl } from '../src/publish.ts';

const BASE = 'http://127.0.0.1:4000/';

test('a plain draft is published to the URL of its topic', () => {
  expect(draftUrl(BASE, { topic: 'a b', data: 'x', type: '', id: '' })).toBe('http://127.0.0.1:4000/topics/a%20b');
});

test('type and id of a draft are parameters', () => {
  const url = new URL(draftUrl(BASE, { topic: 'a', data: 'x', type: 'ä&b', id: '7=' }));
  expect([...url.searchParams]).toEqual([
    ['type', 'ä&b'],
    ['id', '7='],
  ]);
});

test('a refusal is told by its detail, else by its title, else by its status', () => {
  expect(problemDetail('{"title":"t","detail":"d"}', 400)).toBe('d');
  expect(problemDetail('{"title":"t"}', 400)).toBe('t');
  for (const body of ['', '<html>', 'null', '{"detail":1}'])
    expect(problemDetail(body, 502)).toBe('The hub answered 502');
});

test('every attempt has a name of its own that fits into a header', () => {
  expect(newAttempt()).toMatch(/^[0-9a-f]{32}$/);
  expect(newAttempt()).not.toBe(newAttempt());
});
