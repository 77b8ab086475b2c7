import { expect, test } from 'vitest';
import { newAttempt, readRefusal, draftUrl } from '../src/publish.ts';

const BASE = 'http://127.0.0.1:4000/';

test('a plain draft is published to the URL of its topic', () => {
  expect(draftUrl(BASE, { topic: 'a b', data: 'x', type: '', id: '', key: '' })).toBe(
    'http://127.0.0.1:4000/topics/a%20b',
  );
});

test('type, id and key of a draft are parameters', () => {
  const url = new URL(draftUrl(BASE, { topic: 'a', data: 'x', type: 'ä&b', id: '7=', key: 'k 1' }));
  expect([...url.searchParams]).toEqual([
    ['type', 'ä&b'],
    ['id', '7='],
    ['key', 'k 1'],
  ]);
});

test('a refusal is told by its detail, else by its title, else by its status', () => {
  expect(readRefusal('{"title":"t","detail":"d"}', 400).detail).toBe('d');
  expect(readRefusal('{"title":"t"}', 400).detail).toBe('t');
  const leased = JSON.stringify({ type: '/PROTOCOL.md#lease-lost', title: 't', detail: 'send its token' });
  expect(readRefusal(leased, 409).detail).toBe('This topic is leased: only its producer can publish to it.');
  for (const body of ['', '<html>', 'null', '{"detail":1}'])
    expect(readRefusal(body, 502).detail).toBe('The hub answered 502');
});

test('a missing right is told from other refusals with the same status', () => {
  const forbidden = (name: string): unknown =>
    readRefusal(JSON.stringify({ type: `/PROTOCOL.md#${name}`, detail: 'd' }), 403).isForbidden;
  expect(forbidden('forbidden')).toBe(true);
  expect(forbidden('origin-not-allowed')).toBe(false);
  expect(readRefusal('<html>', 403).isForbidden).toBe(false);
});

test('every attempt has a name of its own that fits into a header', () => {
  expect(newAttempt()).toMatch(/^[0-9a-f]{32}$/);
  expect(newAttempt()).not.toBe(newAttempt());
});
