import { may, type Rights } from '@tidings/server/live';
import { describe, expect, test } from 'vitest';

const BASE = 'https://hub.example/topics/';
const PATTERN = { pattern: 'news/*', base: BASE };

describe('rights', () => {
  test('allow listening to everything and publishing nothing, where they do not say', () => {
    const rights: Rights = { allow: true };
    expect([may(rights, 'listen', 'a'), may(rights, 'listen', PATTERN), may(rights, 'publish', 'a')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test.each<[string, Rights['publish'], boolean, boolean]>([
    ['all topics', 'all', true, true],
    ['no topic', [], false, false],
    ['the topic', [`${BASE}news/1`], true, false],
    ['another topic', [`${BASE}news/2`], false, false],
    ['the pattern', [PATTERN], true, true],
    ['the pattern as another object', [{ ...PATTERN }], true, true],
    ['a pattern that is wider', [{ pattern: '*', base: BASE }], true, false],
    ['the pattern below another base', [{ ...PATTERN, base: 'https://other.example/' }], false, false],
  ])('to %s allow accordingly', (_name, topics = [], topic, pattern) => {
    for (const action of ['listen', 'publish'] as const) {
      const rights: Rights = { allow: true, listen: [], publish: [], [action]: topics };
      const other = action === 'listen' ? 'publish' : 'listen';
      expect([may(rights, action, `${BASE}news/1`), may(rights, action, PATTERN)]).toEqual([topic, pattern]);
      expect(may(rights, other, `${BASE}news/1`)).toBe(false);
    }
  });
});
