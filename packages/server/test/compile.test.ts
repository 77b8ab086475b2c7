import { compileInTurns } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

const base = 'https://example.com/topics/';
const patterns = ['a/:b', 'c/:d', 'e/*'].map((pattern) => ({ pattern, base }));

describe('the patterns of a listener are compiled', () => {
  test('one at a time, and other work goes between them', async () => {
    let isOther = false;
    setImmediate(() => {
      isOther = true;
    });
    await compileInTurns(patterns);
    expect(isOther).toBe(true);
  });

  test('unless it has none', async () => {
    await expect(compileInTurns([])).resolves.toEqual([]);
  });

  test('once for all that have the same text', async () => {
    const copies = patterns.map((pattern) => ({ ...pattern }));
    const [first, second] = [await compileInTurns(patterns), await compileInTurns(copies)];
    expect(first).toEqual(patterns);
    expect(second.every((pattern, index) => pattern === first[index])).toBe(true);
  });

  test('until one is not allowed', async () => {
    await expect(compileInTurns([...patterns, { pattern: '{', base }])).rejects.toMatchObject({
      code: 'ERR_INVALID_PATTERN',
    });
  });

  test('until it leaves', async () => {
    const gone = new AbortController();
    const compiled = compileInTurns([...patterns, { pattern: '{', base }], gone.signal);
    gone.abort(new Error('gone'));
    await expect(compiled).rejects.toThrow('gone');
  });
});
