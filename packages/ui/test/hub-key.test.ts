import { expect, test } from 'vitest';
import { isToken } from '../src/hub-key.ts';

test('a signed token is told from a key by its three parts', () => {
  expect(isToken('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJl-_')).toBe(true);
  for (const key of [
    '',
    'secret',
    'a.b.c',
    'eyJhbGciOiJFUzI1NiJ9',
    'eyJh.eyJz',
    'eyJh.eyJz.',
    'eyJh.eyJz.a.b',
    'eyJh.e/.a',
  ])
    expect(isToken(key)).toBe(false);
});
