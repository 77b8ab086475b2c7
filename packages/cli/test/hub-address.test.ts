import { expect, test } from 'vitest';
import { listenUrl, parseHubUrl, topicUrl } from '../src/http/hub-address.ts';

const hub = parseHubUrl('http://hub.test:4000/under?x#y');

test.each([
  ['orders/42', '/under/topics/orders/42'],
  ['a b?c#d%2F', '/under/topics/a%20b%3Fc%23d%252F'],
  ['//x/', '/under/topics///x/'],
  ['a/../b', '/under/topics/a%2F..%2Fb'],
  ['./x', '/under/topics/.%2Fx'],
  ['grüße', '/under/topics/gr%C3%BC%C3%9Fe'],
  ['%2e%2e', '/under/topics/%252e%252e'],
])('the topic %s is at %s', (topic, path) => {
  const { pathname } = topicUrl(hub, topic);
  expect(pathname).toBe(path);
  expect(decodeURIComponent(pathname.slice('/under/topics/'.length))).toBe(topic);
});

test.each(['', '.', '..'])('the topic "%s" has no URL and is refused', (topic) => {
  expect(() => topicUrl(hub, topic)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
});

test.each([
  'http://hub.test/topics',
  'http://hub.test/topics/',
  'https://hub.test/under/topics/a',
  'http://h.test/topics?x',
])('"%s" is not a hub but its topics', (text) => {
  expect(() => parseHubUrl(text)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
  expect(() => parseHubUrl(text)).toThrow('but must end before "topics"');
});

test.each(['http://hub.test/topics-of-us/', 'http://hub.test/my-topics'])('"%s" may be a hub', (text) => {
  expect(parseHubUrl(text).href).toBe(text.replace(/[^/]$/, '$&/'));
});

test('a URL of the hub is no topic, and any other URL is', () => {
  expect(() => topicUrl(hub, 'http://hub.test:4000/under/topics/a%20b/c?x')).toThrow('the topic\'s name is "a b/c"');
  const local = parseHubUrl('http://127.0.0.1:4000');
  expect(() => topicUrl(local, 'http://[::1]:4000/topics/a')).toThrow('the topic\'s name is "a"');
  expect(() => listenUrl(local, { topics: ['b', 'http://localhost:4000/topics/a'], patterns: [] })).toThrow('"a"');
  for (const topic of [
    'http://hub.test/topics/a',
    'http://hub.test:4000/topics/a',
    'https://books.test/topics/1',
    'http:x',
  ]) {
    expect(topicUrl(hub, topic).pathname).toMatch(/^\/under\/topics\/http/);
  }
});

test.each(['ftp://hub.test', 'hub.test:4000', '/x', '', 'http://user:secret@hub.test/', 'ftp://user:secret@hub.test/'])(
  '"%s" is no hub',
  (text) => {
    expect(() => parseHubUrl(text)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
  },
);

test('one topic is listened to at its own URL, several and patterns with matchers', () => {
  expect(listenUrl(hub, { topics: ['a/b'], patterns: [] }).href).toBe(
    'http://hub.test:4000/under/topics/a/b?envelope=json',
  );
  expect(listenUrl(hub, { topics: ['a', 'b&c'], patterns: ['x/:y'] }).search).toBe(
    '?match=a&match=b%26c&match_urlpattern=x%2F%3Ay&envelope=json',
  );
  expect(listenUrl(hub, { topics: ['..'], patterns: [] }).search).toBe('?match=..&envelope=json');
});
