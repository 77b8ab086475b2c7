import { CliError } from '../errors.ts';

/** The URL of a hub and its key. */
export interface HubAddress {
  /** The URL ends in a slash. */
  readonly url: URL;
  readonly key: string | undefined;
}

/** What selects the topics of a listener. At least one of both lists has an entry. */
export interface Matchers {
  readonly topics: readonly string[];
  readonly patterns: readonly string[];
}

/** The path segments that a URL parser takes for "here" and "up". It decodes `%2e` before it looks. */
const DOT_SEGMENT = /^\.{1,2}$/;

/** @throws {CliError} `ERR_USAGE` where the text is not the URL of a hub */
export function parseHubUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new CliError(
      'ERR_USAGE',
      'the URL of the hub holds a user or a password, but must not: give the key with --key or TIDINGS_KEY',
    );
  }
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new CliError('ERR_USAGE', `the URL of the hub is "${text}", but must begin with http:// or https://`);
  }
  const [prefix, name] = splitTopicPath(url.pathname);
  if (name !== undefined) {
    const topic = name === '' ? '' : `, and "${name}" is a topic`;
    throw new CliError(
      'ERR_USAGE',
      `the URL of the hub is "${text}", but must end before "topics": "${new URL(prefix, url.origin).href}" is that of the hub${topic}`,
    );
  }
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** Parts the path of `topics`, or of a topic, into the path of the hub and the name of the topic. Without `topics` there is no name. */
function splitTopicPath(path: string): [hub: string, topic: string | undefined] {
  const [, prefix, name = ''] = /^(.*?\/)topics(?:\/(.*))?$/.exec(path) ?? [];
  if (prefix === undefined) return [path, undefined];
  try {
    return [prefix, decodeURIComponent(name)];
  } catch {
    return [prefix, name];
  }
}

/** @throws {CliError} `ERR_USAGE` for a topic that is a URL of the hub, because it would become part of another such URL */
function checkTopic(hub: URL, topic: string): void {
  if (!/^https?:/i.test(topic) || !URL.canParse(topic)) return;
  const url = new URL(topic);
  if (hostOf(url) !== hostOf(hub) || !url.pathname.startsWith(`${hub.pathname}topics`)) return;
  const [, name = ''] = splitTopicPath(url.pathname.slice(hub.pathname.length - 1));
  if (name !== '') {
    throw new CliError(
      'ERR_USAGE',
      `the topic is "${topic}", which is a URL of the hub: the topic's name is "${name}"`,
    );
  }
}

/** The host of a URL with its port. The names of this machine are one host. */
function hostOf({ hostname, port }: URL): string {
  return `${/^(?:localhost|127\.[\d.]+|\[::1\])$/.test(hostname) ? 'localhost' : hostname}:${port}`;
}

/** The URL of one topic (PROTOCOL §3.1). @throws {CliError} `ERR_USAGE` for a topic that no URL can name, or that is a URL of the hub */
export function topicUrl(hub: URL, topic: string): URL {
  if (topic === '') throw new CliError('ERR_USAGE', 'the topic is empty, but must have at least one character');
  checkTopic(hub, topic);
  const segments = topic.split('/');
  if (segments.some((segment) => DOT_SEGMENT.test(segment))) {
    if (segments.length === 1) {
      throw new CliError('ERR_USAGE', `the topic is "${topic}", which no URL can name: choose another one`);
    }
    // With its slashes encoded the topic is one segment, and no longer one of dots.
    return new URL(`topics/${encodeURIComponent(topic)}`, hub);
  }
  return new URL(`topics/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`, hub);
}

/** The URL that listens to all that the matchers select (PROTOCOL §3), with the topic and time of each event (§5.6). @throws {CliError} `ERR_USAGE` */
export function listenUrl(hub: URL, { topics, patterns }: Matchers): URL {
  for (const each of topics) checkTopic(hub, each);
  const [topic] = topics;
  const single = topic !== undefined && topics.length === 1 && patterns.length === 0 && !DOT_SEGMENT.test(topic);
  const url = single ? topicUrl(hub, topic) : new URL('topics', hub);
  if (!single) {
    for (const match of topics) url.searchParams.append('match', match);
    for (const pattern of patterns) url.searchParams.append('match_urlpattern', pattern);
  }
  url.searchParams.set('envelope', 'json');
  return url;
}

/** The request headers that carry the key (PROTOCOL §9.2). */
export function authorization({ key }: HubAddress): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}
