import type { AnonymousAccess, LogRetention, TopicRetention } from '@tidings/hub';
import { formatCount, formatDuration, formatSize } from '../terminal/quantity.ts';

export interface Announcement {
  /** The URL of the hub and of its page; undefined if the hub has no address of its own. */
  readonly url: URL | undefined;
  /** The names of the sockets that another program passed to the hub. */
  readonly sockets: readonly string[];
  /** The URL by which others reach the hub, if it is another one. */
  readonly publicUrl: string | undefined;
  /** The folder of the events, or undefined for memory. */
  readonly data: string | undefined;
  readonly retention: LogRetention;
  readonly hasKey: boolean;
  readonly anonymous: AnonymousAccess;
  /** Whether the hub listens on loopback addresses only, and is not meant to be reached through a proxy. */
  readonly loopback: boolean;
  /** Whether the hub listens on all addresses of the machine. */
  readonly wildcard: boolean;
  readonly hasPage: boolean;
}

const DEFAULT_PORT = '4000';
const TOPIC = 'greetings';

/** Which of the commands need the key. */
const READERS: Readonly<Record<Exclude<AnonymousAccess, 'all'>, string>> = {
  none: 'These commands read',
  listen: 'The command that publishes reads',
  publish: 'The commands that listen read',
};

/** The text that `serve` prints when it is ready. The first line holds the URL of the hub, the rest shows what to do next. */
export function announce(announcement: Announcement): string {
  const { url, sockets, publicUrl, wildcard, hasKey, anonymous, loopback, hasPage } = announcement;
  const lines = [
    `Tidings is running at ${url?.href ?? `the socket ${sockets.join(', ')}`}`,
    '',
    ...(wildcard ? ['  Address  all addresses of this machine'] : []),
    ...(publicUrl === undefined ? [] : [`  Public   ${publicUrl}`]),
    `  Events   ${describeStorage(announcement)}`,
    ...(announcement.retention.perTopic ?? []).map((rule) => `           ${describeRule(rule)}`),
    `  Access   ${describeAccess(hasKey, anonymous, loopback)}`,
    ...(hasPage ? [] : ['  Page     none, because the page has not been built']),
    '',
    ...(url ? describeCommands(url, announcement) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function describeCommands(url: URL, { hasKey, anonymous, publicUrl, wildcard }: Announcement): string[] {
  const topic = new URL(`topics/${TOPIC}`, url).href;
  const bearer = `-H "Authorization: Bearer $TIDINGS_KEY" `;
  const publish = `curl ${hasKey && !opens(anonymous, 'publish') ? bearer : ''}-d 'Hello' ${topic}`;
  const listen = `curl ${hasKey && !opens(anonymous, 'listen') ? bearer : ''}-N ${topic}`;
  const hub = url.port === DEFAULT_PORT && url.hostname === '127.0.0.1' ? '' : ` --hub ${url.origin}`;
  return [
    `  Publish  ${publish}`,
    `  Listen   ${listen}`,
    `       or  npx tidings listen ${TOPIC}${hub}`,
    '',
    ...(publicUrl === undefined && !wildcard ? [] : ['  These commands are for this machine.', '']),
    ...(hasKey && anonymous !== 'all'
      ? [`  ${READERS[anonymous]} the key from the environment variable TIDINGS_KEY, so set it there.`, '']
      : []),
  ];
}

function describeStorage({ data, retention }: Announcement): string {
  const place = data === undefined ? 'in memory, until the hub stops' : `in ${data}`;
  return `kept ${place}, ${describeRetention(retention)}`;
}

/** What is kept of each of some topics. */
function describeRule(rule: TopicRetention): string {
  const topics = rule.topics === 'all' ? ['all'] : rule.topics;
  const names = topics.map((matcher) => (typeof matcher === 'string' ? matcher : matcher.pattern));
  return `of each topic ${names.join(', ')}: ${describeRetention(rule)}`;
}

function describeRetention({ maxAgeMs, maxBytes, maxEvents, keep }: LogRetention & Partial<TopicRetention>): string {
  const limits = [
    ...(keep === 'latest' ? ['the newest event of each key'] : []),
    ...(maxAgeMs === undefined ? [] : [`for ${formatDuration(maxAgeMs)}`]),
    ...(maxBytes === undefined ? [] : [`up to ${formatSize(maxBytes)}`]),
    ...(maxEvents === undefined ? [] : [`at most ${formatCount(maxEvents, 'event')}`]),
  ];
  return limits.length === 0 ? 'without a limit' : limits.join(', ');
}

function describeAccess(hasKey: boolean, anonymous: AnonymousAccess, loopback: boolean): string {
  // Only such a hub refuses what a proxy has passed on (PROTOCOL §9.1).
  if (!hasKey && anonymous === 'none') return 'everyone on this machine may publish and listen, no key is set';
  const everyone = loopback ? 'everyone on this machine, or behind a proxy on it,' : 'everyone who can reach it';
  switch (anonymous) {
    case 'all':
      return `${everyone} may publish and listen, ${hasKey ? 'private events need the key' : 'no key is set, so nobody gets private events'}`;
    case 'listen':
      return `${everyone} may listen, publishing and private events need the key`;
    case 'publish':
      return `${everyone} may publish, listening needs the key`;
    case 'none':
      return 'publishing and listening need the key';
  }
}

function opens(anonymous: AnonymousAccess, what: 'listen' | 'publish'): boolean {
  return anonymous === 'all' || anonymous === what;
}
