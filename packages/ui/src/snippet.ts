import { topicUrl } from './address.ts';

/** A piece of text to paste elsewhere. */
export interface Snippet {
  readonly title: string;
  readonly text: string;
}

/** The placeholder of the key. The key itself is never shown. */
const KEY_HEADER = ' -H "Authorization: Bearer $TIDINGS_KEY"';

/**
 * How to listen and publish to a topic from a shell and from a page. A topic's URL holds neither quotes nor backslashes, so
 * it is safe between single quotes in both.
 */
export function topicSnippets(base: string, topic: string, hasKey: boolean): Snippet[] {
  const url = topicUrl(base, topic);
  return [
    { title: 'Listen with curl', text: `curl -N${hasKey ? KEY_HEADER : ''} '${url}?last=10'` },
    { title: 'Publish with curl', text: publishSnippet(base, topic, hasKey) },
    { title: 'Listen from a page', text: hasKey ? listenWithKey(url) : listen(url) },
    { title: 'Publish from a page', text: publishFromPage(url, hasKey) },
  ];
}

/** The one line that publishes something. */
export function publishSnippet(base: string, topic: string, hasKey: boolean): string {
  return `curl${hasKey ? KEY_HEADER : ''} -d 'Hello' '${topicUrl(base, topic)}'`;
}

function listen(url: string): string {
  return `const events = new EventSource('${url}');\nevents.onmessage = ({ data }) => console.log(data);`;
}

// The browser's EventSource sends no headers, so a key needs the client.
function listenWithKey(url: string): string {
  return [
    `import { subscribe } from '@tidings/client';`,
    `const headers = { Authorization: \`Bearer \${key}\` };`,
    `for await (const { data } of subscribe('${url}', { headers })) console.log(data);`,
  ].join('\n');
}

function publishFromPage(url: string, hasKey: boolean): string {
  const headers = hasKey ? 'headers: { Authorization: `Bearer ${key}` }, ' : '';
  return `await fetch('${url}', { method: 'POST', ${headers}body: 'Hello' });`;
}
