import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { directoryUrl, newestUrl, publishUrl, streamUrl, topicHash, topicOfHash, topicUrl } from '../src/address.ts';

const BASE = 'http://127.0.0.1:4000/';

test('a link to a topic leads back to the same topic, whatever its name holds', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (topic) => {
      expect(topicOfHash(topicHash(topic))).toBe(topic);
      expect(topicNamedBy(new URL(topicUrl(BASE, topic)))).toBe(topic);
    }),
    { examples: [['a/b'], ['50%'], ["it's"], ['#?&'], ['день'], ['.'], ['..'], ['/.'], ['a/../b'], ['a+b c']] },
  );
});

/** The topic that a URL of the hub names: in its query, or as one segment of its path. */
function topicNamedBy(url: URL): string {
  return url.searchParams.get('match') ?? decodeURIComponent(url.pathname.slice('/topics/'.length));
}

test('a hash that names no topic is the start page', () => {
  for (const hash of ['', '#', '#/', '#/t/', '#/t/%E0%A4%A', '#/other']) expect(topicOfHash(hash)).toBeNull();
});

test('a topic is one segment of the URL and holds nothing that ends a quote in a shell', () => {
  expect(topicUrl(BASE, `a/b'c`)).toBe('http://127.0.0.1:4000/topics/a%2Fb%27c');
});

test('the hub is found below the prefix that the page was served under', () => {
  expect(topicUrl('https://example.test/hub/', 'a')).toBe('https://example.test/hub/topics/a');
  expect(directoryUrl('https://example.test/hub/')).toBe('https://example.test/hub/topics');
});

test('the stream of a topic has the same URL wherever it begins', () => {
  expect(streamUrl(BASE, 'a')).toBe('http://127.0.0.1:4000/topics/a?envelope=json');
  expect(newestUrl(BASE, 'a')).toBe('http://127.0.0.1:4000/topics/a?last=200');
  expect(streamUrl(BASE, 'a', 'a b&c')).toBe('http://127.0.0.1:4000/topics/a?envelope=json&type=a%20b%26c');
  expect(newestUrl(BASE, 'a', 'price')).toBe('http://127.0.0.1:4000/topics/a?last=200&type=price');
});

test('a topic that proxies would resolve away in a path is in the query', () => {
  for (const topic of ['../a', 'a/..', './a', 'a/./b']) {
    const encoded = encodeURIComponent(topic);
    expect(topicUrl(BASE, topic)).toBe(`http://127.0.0.1:4000/topics?match=${encoded}`);
    expect(publishUrl(BASE, topic)).toBe(`http://127.0.0.1:4000/topics?topic=${encoded}`);
    expect(streamUrl(BASE, topic)).toBe(`http://127.0.0.1:4000/topics?match=${encoded}&envelope=json`);
  }
  for (const topic of ['a.', '.a/b', '...']) expect(topicUrl(BASE, topic)).toContain('/topics/');
});
