import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { namesKey, topicSnippets } from '../src/snippet.ts';

const BASE = 'http://127.0.0.1:4000/';
const OPEN = { hasToken: false, publishNeedsKey: false, listenNeedsKey: false };
const WITH_TOKEN = { hasToken: true, publishNeedsKey: true, listenNeedsKey: true };

test('snippets hold the address of the topic', () => {
  for (const { text } of topicSnippets(BASE, 'a/b', OPEN, true))
    expect(text).toContain('http://127.0.0.1:4000/topics/a%2Fb');
});

test('the name of a topic cannot run anything in the shell that a snippet is pasted into', () => {
  const name = `'; echo pwned; $(echo pwned) \`echo pwned\` "\\`;
  for (const { title, text } of topicSnippets(BASE, name, OPEN, true)) {
    if (!title.endsWith('curl')) continue;
    const words = execFileSync('sh', ['-c', `curl() { for word; do echo "$word"; done; }; ${text}`], {
      encoding: 'utf8',
    });
    expect(words.trimEnd().split('\n').at(-1)).toMatch(/^http:\/\/127\.0\.0\.1:4000\/topics\/%27%3B/);
  }
});

test.each([true, false])(
  'what needs the key names it by a variable, and what is for a page to listen never does (listening needs it: %s)',
  (listenNeedsKey) => {
    const snippets = topicSnippets(BASE, 'a', { hasToken: false, publishNeedsKey: true, listenNeedsKey }, true);
    expect(snippets.filter(namesKey).map(({ title }) => title)).toEqual([
      ...(listenNeedsKey ? ['Listen with curl'] : []),
      'Publish with curl',
      // Not from a page: the key is for servers.
      'Publish from a server',
    ]);
    const fromPage = snippets.find(({ title }) => title === 'Listen from a page');
    expect(fromPage?.text.includes('--anonymous listen')).toBe(listenNeedsKey);
  },
);

test('with a token a page listens by a ticket, which a server gets', () => {
  const snippets = topicSnippets(BASE, '../a', WITH_TOKEN, false);
  expect(snippets.map(({ title }) => title)).toEqual([
    'Listen with curl',
    'Get a ticket from a server',
    'Listen from a page',
  ]);
  expect(snippets[1]?.text).toContain(
    "fetch('http://127.0.0.1:4000/tickets?match=..%2Fa', { method: 'POST', headers })",
  );
  expect(snippets[2]?.text).toContain("new EventSource('http://127.0.0.1:4000/topics?match=..%2Fa&ticket=' + ticket)");
  expect(snippets[2]?.text).toContain('--anonymous listen');
  expect(snippets[2] && namesKey(snippets[2])).toBe(false);
  const whereEveryoneListens = topicSnippets(BASE, 'a', { ...WITH_TOKEN, listenNeedsKey: false }, true);
  for (const { text } of whereEveryoneListens) expect(text).not.toContain('ticket');
});

test('what is for a page takes a ticket where listening takes a key or token, and no other', () => {
  for (const hasToken of [true, false]) {
    const snippets = topicSnippets(BASE, 'a', { ...WITH_TOKEN, hasToken }, true);
    const [offer, ...others] = snippets.flatMap(({ ticket }) => ticket ?? []);
    expect(others).toEqual([]);
    expect(offer?.url).toBe('http://127.0.0.1:4000/tickets?match=a');
    expect(offer?.withTicket(`a'b`)).toMatch(
      /new EventSource\('http:\/\/127\.0\.0\.1:4000\/topics\/a\?ticket=a%27b'\)/,
    );
  }
  for (const { ticket } of topicSnippets(BASE, 'a', OPEN, true)) expect(ticket).toBeUndefined();
});

test('a topic that nothing can be published to has no snippets for it', () => {
  for (const access of [OPEN, { ...WITH_TOKEN, hasToken: false }])
    expect(topicSnippets(BASE, 'a', access, false).map(({ title }) => title)).toEqual([
      'Listen with curl',
      'Listen from a page',
    ]);
});

test('a topic with dots for a segment goes into the query', () => {
  const [listen, publish] = topicSnippets(BASE, '../a', OPEN, true);
  expect(listen?.text).toContain("'http://127.0.0.1:4000/topics?match=..%2Fa&last=10'");
  expect(publish?.text).toContain("'http://127.0.0.1:4000/topics?topic=..%2Fa'");
});
