import { formatCount, formatDuration, formatSize } from './quantity.ts';

export type Anonymous = 'none' | 'listen' | 'publish' | 'all';

/** What is kept. Infinity is no bound. */
export interface Retention {
  /** Milliseconds. */
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly maxEvents: number;
}

export interface Announcement {
  /** Where the hub's page is. */
  readonly url: URL;
  /** The folder of the events, or undefined where they are in memory. */
  readonly data: string | undefined;
  readonly retention: Retention;
  readonly hasKey: boolean;
  readonly anonymous: Anonymous;
  /** Whether only this machine reaches the hub. */
  readonly loopback: boolean;
  readonly hasPage: boolean;
}

const DEFAULT_PORT = '4000';
const TOPIC = 'greetings';

/** What `serve` prints when it is ready. The first line holds the hub's URL, the rest is for a person to go on with. */
export function announce(announcement: Announcement): string {
  const { url, hasKey, anonymous, loopback, hasPage } = announcement;
  const topic = new URL(`topics/${TOPIC}`, url).href;
  const bearer = `-H "Authorization: Bearer $TIDINGS_KEY" `;
  const publish = `curl ${hasKey && !opens(anonymous, 'publish') ? bearer : ''}-d 'Hello' ${topic}`;
  const listen = `curl ${hasKey && !opens(anonymous, 'listen') ? bearer : ''}-N ${topic}`;
  const hub = url.port === DEFAULT_PORT && url.hostname === '127.0.0.1' ? '' : ` --hub ${url.origin}`;
  const lines = [
    `Tidings is running at ${url.href}`,
    '',
    `  Events   ${describeStorage(announcement)}`,
    `  Access   ${describeAccess(hasKey, anonymous, loopback)}`,
    ...(hasPage ? [] : ['  Page     none, because the page has not been built']),
    '',
    `  Publish  ${publish}`,
    `  Listen   ${listen}`,
    `       or  npx tidings listen ${TOPIC}${hub}`,
    ...(hasKey && anonymous !== 'all'
      ? ['', '  The commands above read the key from the environment variable TIDINGS_KEY.']
      : []),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function describeStorage({ data, retention }: Announcement): string {
  const place = data === undefined ? 'in memory, until the hub stops' : `in ${data}`;
  return `kept ${place}, ${describeRetention(retention)}`;
}

function describeRetention({ maxAgeMs, maxBytes, maxEvents }: Retention): string {
  const bounds = [
    ...(maxAgeMs === Infinity ? [] : [`for ${formatDuration(maxAgeMs)}`]),
    ...(maxBytes === Infinity ? [] : [`up to ${formatSize(maxBytes)}`]),
    ...(maxEvents === Infinity ? [] : [`at most ${formatCount(maxEvents, 'event')}`]),
  ];
  return bounds.length === 0 ? 'without a bound' : bounds.join(', ');
}

function describeAccess(hasKey: boolean, anonymous: Anonymous, loopback: boolean): string {
  const everyone = loopback ? 'everyone on this machine' : 'everyone who reaches it';
  // PROTOCOL §9.1: without a key there is nothing to ask for.
  if (!hasKey) return `${everyone} may publish and listen, no key is set`;
  switch (anonymous) {
    case 'all':
      return `${everyone} may publish and listen, private events need the key`;
    case 'listen':
      return `${everyone} may listen, publishing needs the key`;
    case 'publish':
      return `${everyone} may publish, listening needs the key`;
    case 'none':
      return 'publishing and listening need the key';
  }
}

function opens(anonymous: Anonymous, what: 'listen' | 'publish'): boolean {
  return anonymous === 'all' || anonymous === what;
}
