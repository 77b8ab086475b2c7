import { publishUrl, topicUrl, withQuery } from './address.ts';

/** A piece of text to paste elsewhere. */
export interface Snippet {
  readonly title: string;
  readonly text: string;
}

/** What a hub asks of its users. */
export interface SnippetAccess {
  /** Whether publishing takes the key. */
  readonly publishNeedsKey: boolean;
  /** Whether listening takes a token. */
  readonly listenNeedsToken: boolean;
}

/** Stands for the key: the key itself is never written out. */
const KEY_HEADER = ' -H "Authorization: Bearer $TIDINGS_KEY"';

/** A listener must not get the key, because the key may publish, too. */
const TOKEN_HEADER = ' -H "Authorization: Bearer $LISTENER_TOKEN"';

/**
 * How to listen and publish to a topic from a shell and from a page. A topic's URL contains neither quotes nor backslashes, so
 * it is safe between single quotes in both.
 */
export function topicSnippets(base: string, topic: string, access: SnippetAccess): Snippet[] {
  const { publishNeedsKey, listenNeedsToken } = access;
  const url = topicUrl(base, topic);
  const token = listenNeedsToken ? TOKEN_HEADER : '';
  return [
    { title: 'Listen with curl', text: `curl -N${token} '${withQuery(url, 'last=10')}'` },
    { title: 'Publish with curl', text: publishSnippet(base, topic, publishNeedsKey) },
    { title: 'Listen from a page', text: listenNeedsToken ? listenWithToken(url) : listen(url) },
    publishNeedsKey
      ? { title: 'Publish from a server', text: publishWithKey(publishUrl(base, topic)) }
      : { title: 'Publish from a page', text: publish(publishUrl(base, topic)) },
  ];
}

/** The one line that publishes something. */
export function publishSnippet(base: string, topic: string, needsKey: boolean): string {
  return `curl${needsKey ? KEY_HEADER : ''} -d 'Hello' '${publishUrl(base, topic)}'`;
}

function listen(url: string): string {
  return `const events = new EventSource('${url}');\nevents.onmessage = ({ data }) => console.log(data);`;
}

// The browser's EventSource sends no headers, so a token needs the client.
function listenWithToken(url: string): string {
  return [
    `import { subscribe } from '@tidings/client';`,
    `// A token that may listen only. The key of the hub may publish, too, so no page should have it.`,
    `const headers = async () => ({ Authorization: \`Bearer \${await listenerToken()}\` });`,
    `for await (const { data } of subscribe('${url}', { headers })) console.log(data);`,
  ].join('\n');
}

function publish(url: string): string {
  return `await fetch('${url}', { method: 'POST', body: 'Hello' });`;
}

function publishWithKey(url: string): string {
  return [
    'const headers = { Authorization: `Bearer ${process.env.TIDINGS_KEY}` };',
    `await fetch('${url}', { method: 'POST', headers, body: 'Hello' });`,
  ].join('\n');
}
