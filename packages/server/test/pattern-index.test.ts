import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompiledPattern, compilePattern } from '../src/log/pattern.ts';
import { PatternIndex } from '../src/log/pattern-index.ts';
import { URI_TEMPLATE } from '../src/log/pattern/template.ts';
import { ANY_SAMPLE, isBearable, PLAIN_SAMPLE } from './pattern-samples.ts';

const BASE = 'https://hub.test/topics/';

describe('the texts of a pattern', () => {
  test.each<[pattern: string, start: string, inner: string, end: string]>([
    ['a/b', '/topics/a/b', '', ''],
    ['a/*', '/topics/a/', '', ''],
    ['*/a', '/topics/', '', '/a'],
    ['*/rooms/17/*', '/topics/', '/rooms/17/', ''],
    ['*a*bc*d*', '/topics/', 'bc', ''],
    // Each topic begins with it.
    ['*topic*a*', '/topics/', 'a', ''],
    ['x/:one/y{/z}?/:two', '/topics/x/', '/y', ''],
    ['{ab}+c{de}+', '/topics/ab', 'abcde', 'de'],
    ['{a:one-}+:two', '/topics/a', '-', ''],
    ['{a*b}?y{:one}*', '/topics/', 'y', ''],
  ])('%s are what every topic has that it matches', (pattern, start, inner, end) => {
    expect(new CompiledPattern({ pattern, base: BASE }).texts).toEqual({ start, inner, end });
  });

  test('are those between the expressions of a URI template', () => {
    const of = (pattern: string): unknown => new CompiledPattern({ pattern, base: URI_TEMPLATE }).texts;
    expect(of('/a/{b}/ç/{c}/e')).toEqual({ start: '/a/', inner: '/%C3%A7/', end: '/e' });
    expect(of('/a')).toEqual({ start: '/a', inner: '', end: '' });
    expect(of('{a}')).toEqual({ start: '', inner: '', end: '' });
  });
});

test('an index gives every pattern that matches a topic, until it is removed', () => {
  let matched = 0;
  const samples = fc.array(fc.oneof(ANY_SAMPLE, PLAIN_SAMPLE), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(samples, (all) => {
      const index = new PatternIndex<number>();
      const patterns = all.map(compiled);
      for (const [at, pattern] of patterns.entries()) if (pattern) index.add(pattern, at);
      const topics = all.flatMap(({ pattern, topics: some }) => some.filter((topic) => isBearable(pattern, topic)));
      for (const topic of topics) {
        const found = index.of(topic);
        for (const [at, pattern] of patterns.entries()) {
          if (!pattern?.test(topic)) continue;
          matched += 1;
          expect({ topic, found: found.has(at) }).toEqual({ topic, found: true });
        }
      }
      for (const [at, pattern] of patterns.entries()) if (pattern) index.delete(pattern, at);
      for (const topic of topics) expect(index.of(topic).size).toBe(0);
    }),
    { numRuns: 500 },
  );
  // Otherwise the samples are worth nothing.
  expect(matched).toBeGreaterThan(500);
});

describe('of a thousand patterns, few are candidates for a topic', () => {
  test.each<[shape: (n: number) => string, topic: string]>([
    [(n) => `users/${n}/*`, 'users/417/inbox'],
    [(n) => `*/of/${n}`, 'all/of/417'],
    [(n) => `*/rooms/${n}/*`, 'a/rooms/417/b'],
    [(n) => `{topics}+{/known}*/{${n}}+`, 'topics/known/417'],
    [(n) => `:one/${n}-/:two`, 'a/417-/b'],
  ])('%s', (shape, topic) => {
    const index = new PatternIndex<string>();
    const patterns = Array.from({ length: 1000 }, (_, n) => shape(n));
    for (const pattern of patterns) index.add(new CompiledPattern({ pattern, base: BASE }), pattern);
    const found = [...index.of(topic)];
    const matching = patterns.filter((pattern) => compilePattern({ pattern, base: BASE })(topic));
    expect(matching).toContain(shape(417));
    expect(found).toEqual(expect.arrayContaining(matching));
    expect(found.length).toBeLessThan(5);
  });
});

test('where very many patterns have a text within, a topic is looked up by its parts', () => {
  const index = new PatternIndex<number>();
  for (let n = 0; n < 10_000; n += 1) {
    index.add(new CompiledPattern({ pattern: `*/${n}/*`, base: BASE }), n);
  }
  const meter = { steps: 0 };
  expect([...index.of('a/17/417/4170/17/b', meter)].toSorted((one, other) => one - other)).toEqual([17, 417, 4170]);
  // Not a look at each of them.
  expect(meter.steps).toBeLessThan(20_000);
});

function compiled({ pattern, base }: { pattern: string; base: string }): CompiledPattern | undefined {
  try {
    return new CompiledPattern({ pattern, base });
  } catch {
    return undefined;
  }
}
