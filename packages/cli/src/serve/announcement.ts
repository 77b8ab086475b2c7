import type { AnonymousAccess, LogRetention, TopicRetention } from '@tidings/hub';
import { formatCount, formatDuration, formatSize } from '../terminal/quantity.ts';
import { shownPlace } from './log-url.ts';

export interface Announcement {
  /** The URL of the hub and of its page; undefined if the hub has no address of its own. */
  readonly url: URL | undefined;
  /** The names of the sockets that another program passed to the hub. */
  readonly sockets: readonly string[];
  /** The URL by which others reach the hub, if it is another one. */
  readonly publicUrl: string | undefined;
  /** The folder of the events, or undefined for memory. */
  readonly data: string | undefined;
  /** The URL of a log that several hubs share; undefined for one in the folder or in memory. */
  readonly log: string | undefined;
  readonly retention: LogRetention;
  readonly hasKey: boolean;
  /** Whether it takes signed tokens. */
  readonly hasTokens: boolean;
  readonly anonymous: AnonymousAccess;
  /** Whether the hub listens on loopback addresses only, and is not meant to be reached through a proxy. */
  readonly loopback: boolean;
  /** Whether the hub listens on all addresses of the machine. */
  readonly wildcard: boolean;
  readonly hasPage: boolean;
  /** The file of the development certificate; null if it is in memory, undefined if the hub has none. */
  readonly dev?: string | null | undefined;
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
  const { url, sockets, publicUrl, wildcard, hasPage } = announcement;
  const lines = [
    `Tidings is running at ${url?.href ?? `the socket ${sockets.join(', ')}`}`,
    '',
    ...(wildcard ? ['  Address  all addresses of this machine'] : []),
    ...(publicUrl === undefined ? [] : [`  Public   ${asAudience(publicUrl)}`]),
    `  Events   ${describeStorage(announcement)}`,
    ...(announcement.retention.perTopic ?? []).map((rule) => `           ${describeRule(rule)}`),
    `  Access   ${describeAccess(announcement)}`,
    ...describeTls(announcement),
    ...(hasPage ? [] : ['  Page     none, because the page has not been built']),
    '',
    ...(url ? describeCommands(url, announcement) : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** The public URL in the form that tokens are for. */
function asAudience(publicUrl: string): string {
  const { href } = new URL(publicUrl);
  return href.endsWith('/') ? href : `${href}/`;
}

function describeCommands(url: URL, announcement: Announcement): string[] {
  const { anonymous, publicUrl, wildcard } = announcement;
  const needed = credential(announcement);
  const topic = new URL(`topics/${TOPIC}`, url).href;
  const bearer = `-H "Authorization: Bearer $TIDINGS_KEY" `;
  const { dev } = announcement;
  const curl = dev === undefined ? 'curl' : dev === null ? 'curl -k' : `curl --cacert ${quoted(dev)}`;
  const publish = `${curl} ${needed !== undefined && !opens(anonymous, 'publish') ? bearer : ''}-d 'Hello' ${topic}`;
  const listen = `${curl} ${needed !== undefined && !opens(anonymous, 'listen') ? bearer : ''}-N ${topic}`;
  const hub = url.port === DEFAULT_PORT && url.hostname === '127.0.0.1' ? '' : ` --hub ${url.origin}`;
  return [
    `  Publish  ${publish}`,
    `  Listen   ${listen}`,
    `       or  ${trust(dev)}npx tidings listen ${TOPIC}${hub}`,
    '',
    ...(publicUrl === undefined && !wildcard ? [] : ['  These commands are for this machine.', '']),
    ...(needed !== undefined && anonymous !== 'all'
      ? [`  ${READERS[anonymous]} ${needed} from the environment variable TIDINGS_KEY, so set it there.`, '']
      : []),
  ];
}

function describeTls({ dev }: Announcement): string[] {
  if (dev === undefined) return [];
  const place = dev ?? 'made for this run';
  const advice =
    dev === null
      ? 'Programs have to be told not to check it'
      : `Browsers ask whether you trust it; or import the file. Programs of Node trust it with NODE_EXTRA_CA_CERTS=${quoted(dev)}`;
  return [`  TLS      a development certificate for localhost: ${place}`, `           ${advice}`];
}

/** What makes a program of Node trust the development certificate. */
function trust(dev: string | null | undefined): string {
  if (dev === undefined) return '';
  return dev === null ? 'NODE_TLS_REJECT_UNAUTHORIZED=0 ' : `NODE_EXTRA_CA_CERTS=${quoted(dev)} `;
}

/** A path as a word of a shell. */
function quoted(path: string): string {
  return /^[\w./:@%+,=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function describeStorage({ data, log, retention }: Announcement): string {
  const own = data === undefined ? 'in memory, until the hub stops' : `in ${data}`;
  const place = log === undefined ? own : `in ${shownPlace(log)}`;
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

function describeAccess(announcement: Announcement): string {
  const { anonymous, loopback } = announcement;
  const needed = credential(announcement);
  // Only such a hub refuses what a proxy has passed on (PROTOCOL §9.1).
  if (needed === undefined && anonymous === 'none')
    return 'everyone on this machine may publish and listen, no key is set';
  const everyone = loopback ? 'everyone on this machine, or behind a proxy on it,' : 'everyone who can reach it';
  switch (anonymous) {
    case 'all':
      return `${everyone} may publish and listen, ${needed === undefined ? 'no key is set, so nobody gets private events' : `private events need ${needed}`}`;
    case 'listen':
      return `${everyone} may listen, publishing and private events need ${needed}`;
    case 'publish':
      return `${everyone} may publish, listening needs ${needed}`;
    case 'none':
      return `publishing and listening need ${needed}`;
  }
}

/** What a request needs that may do more than everyone. */
function credential({ hasKey, hasTokens }: Announcement): string | undefined {
  if (!hasTokens) return hasKey ? 'the key' : undefined;
  return hasKey ? 'the key or a token' : 'a token';
}

function opens(anonymous: AnonymousAccess, what: 'listen' | 'publish'): boolean {
  return anonymous === 'all' || anonymous === what;
}
