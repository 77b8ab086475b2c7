import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { topicSnippets } from '../src/snippet.ts';

const BASE = 'http://127.0.0.1:4000/';

test('snippets hold the address of the topic', () => {
  for (const { text } of topicSnippets(BASE, 'a/b', false))
    expect(text).toContain('http://127.0.0.1:4000/topics/a%2Fb');
});

test('the name of a topic cannot run anything in the shell that a snippet is pasted into', () => {
  const name = `'; echo pwned; $(echo pwned) \`echo pwned\` "\\`;
  for (const { title, text } of topicSnippets(BASE, name, false)) {
    if (!title.endsWith('curl')) continue;
    const words = execFileSync('sh', ['-c', `curl() { for word; do echo "$word"; done; }; ${text}`], {
      encoding: 'utf8',
    });
    expect(words.trimEnd().split('\n').at(-1)).toMatch(/^http:\/\/127\.0\.0\.1:4000\/topics\/%27%3B/);
  }
});

test('snippets for a hub with a key name the key and never hold it', () => {
  const snippets = topicSnippets(BASE, 'a', true);
  expect(snippets[0]?.text).toContain('-H "Authorization: Bearer $TIDINGS_KEY"');
  for (const { text } of snippets) expect(text).toContain('Bearer $');
});
