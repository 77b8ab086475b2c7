import { MemoryLog } from '@tidings/hub';
import { expect, test } from 'vitest';
import { CliError } from '../src/errors.ts';
import { parseRule } from '../src/serve/retain.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

test.each([
  ['logs/*=age:1d,bytes:100MiB', 'logs/*', { maxAgeMs: DAY_MS, maxBytes: 100 * 2 ** 20 }],
  ['prices/:pair=keep:latest', 'prices/:pair', { keep: 'latest' }],
  ['a=b=count:10, age:90s', 'a=b', { maxEvents: 10, maxAgeMs: 90_000 }],
  ['x=age:none,keep:all', 'x', { keep: 'all' }],
])('%s is a rule', (text, pattern, bounds) => {
  expect(parseRule(text)).toEqual({ topics: [{ pattern, base: 'http://localhost/topics/' }], ...bounds });
});

test.each([
  ['logs', '--retain "logs" must be a pattern of topics, "=" and what is kept of each of them'],
  ['=age:1d', 'must be a pattern of topics'],
  ['logs=', '--retain "logs=" has nothing where one of age, count, bytes, keep is allowed, such as'],
  ['logs=1d', 'has "1d" where one of age, count, bytes, keep is allowed'],
  [
    'logs=agee:1d',
    'has "agee" where one of age, count, bytes, keep is allowed, such as \'logs/*=age:1d,bytes:100MiB\'; did you mean age?',
  ],
  ['logs=age:1d,', 'has nothing where'],
  ['logs=age:1d,age:2d', 'has age twice'],
  ['logs=age:1x', 'age of --retain "logs=age:1x" is "1x", but must be a number with a unit (ms, s, m, h, d, w)'],
  ['logs=age', 'age of --retain "logs=age" is "", but must be'],
  ['logs=count:0', 'is "0", but must be a whole number from 1, or "none"'],
  ['logs=bytes:1G', 'is "1G", but must be a number with the unit B'],
  ['logs=keep:newest', 'is "newest", but must be one of all, latest'],
])('%s is a mistake that is told', (text, message) => {
  expect(() => parseRule(text)).toThrow(CliError);
  expect(() => parseRule(text)).toThrow(message);
});

test('a pattern with a host is for the topics whose names are such URLs, and for no others', async () => {
  const log = new MemoryLog({ retention: { perTopic: [parseRule('https://example.com/books/*=keep:latest')] } });
  expect((await log.topics.status('https://example.com/books/1')).keep).toBe('latest');
  for (const topic of ['books/1', '/books/1', 'http://localhost/topics/books/1']) {
    expect((await log.topics.status(topic)).keep).toBeUndefined();
  }
});
