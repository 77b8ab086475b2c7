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

/** The URL to publish and listen to a topic (PROTOCOL §3). `base` is the page's own URL, which may lie below a prefix. */
export function topicUrl(base: string, topic: string): string {
  return new URL(`topics/${encodeTopic(topic)}`, base).href;
}

/** The stream that the page opens for a topic (PROTOCOL §5). */
export function streamUrl(base: string, topic: string, start: Start): string {
  const from = start === 'earliest' ? 'last_event_id=earliest' : `last=${SHOWN_AT_FIRST}`;
  return `${topicUrl(base, topic)}?envelope=json&${from}`;
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
