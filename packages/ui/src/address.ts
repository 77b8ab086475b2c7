/** How many of a topic's newest events are shown when it is opened. */
export const SHOWN_AT_FIRST = 200;

/** Where a stream starts: with the newest events, or with the earliest that is kept. */
export type Start = 'newest' | 'earliest';

/**
 * A text, such as a topic, as one segment or value of a URL. Stricter than `encodeURIComponent`, which leaves `'` as it is: these URLs are shown in
 * lines to paste, and a topic's name is not the reader's own.
 */
export function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
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

/** The URL that gives a ticket to listen to a topic (PROTOCOL §15.6). */
export function ticketUrl(base: string, topic: string): string {
  return new URL(`tickets?match=${encodeText(topic)}`, base).href;
}

/** In a path, some proxies resolve `.` and `..` away, also if the slashes beside them are encoded. */
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/;

function urlOf(base: string, topic: string, parameter: string): string {
  const path = DOTS.test(topic) ? `topics?${parameter}=${encodeText(topic)}` : `topics/${encodeText(topic)}`;
  return new URL(path, base).href;
}

/**
 * The stream that the page opens for a topic (PROTOCOL §5). Its start is not in the URL, so all tabs that show the topic can share it.
 * @param type the type of its events. An empty one stands for all
 */
export function streamUrl(base: string, topic: string, type = ''): string {
  return withType(withQuery(topicUrl(base, topic), 'envelope=json'), type);
}

/** A stream whose first event has the position before the newest events of a topic, or of a type of it (PROTOCOL §5.3). */
export function newestUrl(base: string, topic: string, type = ''): string {
  return withType(withQuery(topicUrl(base, topic), `last=${SHOWN_AT_FIRST}`), type);
}

function withType(url: string, type: string): string {
  return type === '' ? url : withQuery(url, `type=${encodeURIComponent(type)}`);
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
  return TOPIC_HASH + encodeText(topic);
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
