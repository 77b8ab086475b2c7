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
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new CliError('ERR_USAGE', `the URL of the hub is "${text}", but must begin with http:// or https://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new CliError(
      'ERR_USAGE',
      'the URL of the hub holds a user or a password, but must not: give the key with --key or TIDINGS_KEY',
    );
  }
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** The URL of one topic (PROTOCOL §3.1). @throws {CliError} `ERR_USAGE` for a topic that no URL can name */
export function topicUrl(hub: URL, topic: string): URL {
  if (topic === '') throw new CliError('ERR_USAGE', 'the topic is empty, but must have at least one character');
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

/** The URL that listens to all that the matchers select (PROTOCOL §3), with the topic and time of each event (§5.6). */
export function listenUrl(hub: URL, { topics, patterns }: Matchers): URL {
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
