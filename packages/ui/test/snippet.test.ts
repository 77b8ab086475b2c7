import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { topicSnippets } from '../src/snippet.ts';

const BASE = 'http://127.0.0.1:4000/';
const OPEN = { publishNeedsKey: false, listenNeedsToken: false };

test('snippets hold the address of the topic', () => {
  for (const { text } of topicSnippets(BASE, 'a/b', OPEN)) expect(text).toContain('http://127.0.0.1:4000/topics/a%2Fb');
});

test('the name of a topic cannot run anything in the shell that a snippet is pasted into', () => {
  const name = `'; echo pwned; $(echo pwned) \`echo pwned\` "\\`;
  for (const { title, text } of topicSnippets(BASE, name, OPEN)) {
    if (!title.endsWith('curl')) continue;
    const words = execFileSync('sh', ['-c', `curl() { for word; do echo "$word"; done; }; ${text}`], {
      encoding: 'utf8',
    });
    expect(words.trimEnd().split('\n').at(-1)).toMatch(/^http:\/\/127\.0\.0\.1:4000\/topics\/%27%3B/);
  }
});

test.each([true, false])(
  'snippets to listen never have the key that publishes (listening needs a token: %s)',
  (listenNeedsToken) => {
    const snippets = topicSnippets(BASE, 'a', { publishNeedsKey: true, listenNeedsToken });
    for (const { title, text } of snippets) {
      expect(text.includes('TIDINGS_KEY')).toBe(title.startsWith('Publish'));
      if (title.startsWith('Listen')) expect(text.includes('Bearer')).toBe(listenNeedsToken);
    }
    // The key is for servers.
    expect(snippets.map(({ title }) => title)).not.toContain('Publish from a page');
  },
);

test('a topic with dots for a segment goes into the query', () => {
  const [listen, publish] = topicSnippets(BASE, '../a', OPEN);
  expect(listen?.text).toContain("'http://127.0.0.1:4000/topics?match=..%2Fa&last=10'");
  expect(publish?.text).toContain("'http://127.0.0.1:4000/topics?topic=..%2Fa'");
});
