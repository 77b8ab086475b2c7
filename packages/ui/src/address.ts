/** How many of a topic's newest events are shown when it is opened. */
const SHOWN_AT_FIRST = 200;

/** Where a stream starts: with the newest events, or with the earliest that is kept. */
export type Start = 'newest' | 'earliest';

/**
 * A topic as one segment of a URL. Stricter than `encodeURIComponent`, which leaves `'` as it is: these URLs are shown in
 * shell commands to paste, and a topic's name is not the reader's own.
 */
function encodeTopic(topic: string): string {
  return encodeURIComponent(topic).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The URL to listen to a topic (PROTOCOL §3). `base` is the page's own URL, which may lie below a prefix. */
export function topicUrl(base: string, topic: string): string {
  return urlOf(base, topic, 'match');
}

/** The URL to publish to a topic (PROTOCOL §3.3). */
export function publishUrl(base: string, topic: string): string {
  return urlOf(base, topic, 'topic');
}

/** In a path, some proxies resolve `.` and `..` away, also if the slashes beside them are encoded. */
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/;

function urlOf(base: string, topic: string, parameter: string): string {
  const path = DOTS.test(topic) ? `topics?${parameter}=${encodeTopic(topic)}` : `topics/${encodeTopic(topic)}`;
  return new URL(path, base).href;
}

/** The stream that the page opens for a topic (PROTOCOL §5). Its start is not in the URL, so all tabs that show the topic can share it. */
export function streamUrl(base: string, topic: string): string {
  return withQuery(topicUrl(base, topic), 'envelope=json');
}

/** A stream whose first event has the position before the newest events of a topic (PROTOCOL §5.3). */
export function newestUrl(base: string, topic: string): string {
  return withQuery(topicUrl(base, topic), `last=${SHOWN_AT_FIRST}`);
}

/** A URL with one more parameter. */
export function withQuery(url: string, parameter: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${parameter}`;
}

/** The topics whose names begin with a text (PROTOCOL §7.2). */
export function searchUrl(base: string, prefix: string): string {
  return `${directoryUrl(base)}?prefix=${encodeURIComponent(prefix)}`;
}

/** The list of topics (PROTOCOL §7). */
export function directoryUrl(base: string): string {
  return new URL('topics', base).href;
}

const TOPIC_HASH = '#/t/';

/** The link to a topic on this page. */
export function topicHash(topic: string): string {
  return TOPIC_HASH + encodeTopic(topic);
}

/** The topic that a link names, or null for the start page, which a malformed link shows too. */
export function topicOfHash(hash: string): string | null {
  if (!hash.startsWith(TOPIC_HASH)) return null;
  try {
    return decodeURIComponent(hash.slice(TOPIC_HASH.length)) || null;
  } catch {
    return null;
  }
}
