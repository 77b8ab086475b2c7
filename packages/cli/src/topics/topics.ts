import { CliError } from '../errors.ts';
import { ask, REQUEST_TIMEOUT_MS } from '../http/ask.ts';
import { authorization, type HubAddress, topicUrl } from '../http/hub-address.ts';
import { send } from '../http/request.ts';
import { notice, print, visible } from '../terminal/output.ts';
import { formatCount, formatSize } from '../terminal/quantity.ts';
import { confirm } from './question.ts';

/** The most bytes of a page of 1,000 topics: a name of 1,024 bytes may take six times as many in JSON. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** A topic as a hub lists it (PROTOCOL §7.1). */
interface ListedTopic {
  readonly topic: string;
  readonly state: 'open' | 'closed';
  readonly leased?: boolean;
  readonly events: number;
  readonly bytes: number;
  readonly listeners: number;
  readonly last: string;
}

/**
 * Prints all topics with events whose names begin with a text, in the order of their names. A hub lists no others.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function listTopics(hub: HubAddress, prefix: string, json: boolean): Promise<void> {
  let after = '';
  for (;;) {
    const url = new URL('topics', hub.url);
    url.searchParams.set('prefix', prefix);
    url.searchParams.set('after', after);
    const { text } = await ask(hub, url, { method: 'GET', maxBytes: MAX_PAGE_BYTES });
    const { topics } = JSON.parse(text) as { readonly topics: readonly ListedTopic[] };
    const last = topics.at(-1);
    if (last === undefined) {
      if (after === '' && !json)
        notice(
          prefix === '' ? 'The hub has no topic with events' : `No topic with events begins with ${visible(prefix)}`,
        );
      return;
    }
    await print(topics.map((topic) => (json ? `${JSON.stringify(topic)}\n` : line(topic))).join(''));
    after = last.topic;
  }
}

/** A topic for a person, with its name last, because a name may be of any length. */
function line({ topic, state, leased, events, bytes, listeners, last }: ListedTopic): string {
  const size = bytes < 1024 ? `${bytes} B` : formatSize(roundedSize(bytes));
  const parts = [
    last,
    formatCount(events, 'event'),
    size,
    formatCount(listeners, 'listener'),
    leased ? 'leased' : state,
    visible(topic),
  ];
  return `${parts.join('  ')}\n`;
}

/** A size without what no person reads. */
function roundedSize(bytes: number): number {
  const unit = 1024 ** Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return Math.round(bytes / unit) * unit;
}

export interface TopicCreation {
  readonly hub: HubAddress;
  readonly topic: string;
  /** How long after its last event it is forgotten, in milliseconds. @default never */
  readonly ttlMs?: number | undefined;
  /** @default 'all' */
  readonly keep?: string | undefined;
  /** Whether a topic that is known is an error. */
  readonly onlyUnknown: boolean;
}

/**
 * Creates a topic, or sets the options of one that is there (PROTOCOL §12.4).
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function createTopic({ hub, topic, ttlMs, keep, onlyUnknown }: TopicCreation): Promise<void> {
  const options = { ...(ttlMs === undefined ? {} : { ttl: `${ttlMs}ms` }), ...(keep === undefined ? {} : { keep }) };
  const { status } = await ask(hub, topicUrl(hub.url, topic), {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...(onlyUnknown ? { 'if-none-match': '*' } : {}) },
    body: JSON.stringify(options),
  });
  notice(status === 201 ? `Created ${visible(topic)}` : `Set the options of ${visible(topic)}, which was there`);
}

/**
 * Deletes a topic with its events, after a person has said yes (PROTOCOL §12.8).
 *
 * @throws {CliError} `ERR_USAGE` without a terminal to ask on, `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function deleteTopic(hub: HubAddress, topic: string, yes: boolean): Promise<void> {
  const url = topicUrl(hub.url, topic);
  if (!yes) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      throw new CliError('ERR_USAGE', `deleting ${topic} has to be confirmed, and there is no terminal: use --yes`);
    }
    const question = `Delete ${visible(topic)} with ${await contents(hub, url)} at ${hub.url.href}?`;
    if (!(await confirm(question, { input: process.stdin, output: process.stderr }))) {
      throw new CliError('ERR_REFUSED', `${topic} was not deleted`);
    }
  }
  const { text } = await ask(hub, url, { method: 'DELETE' });
  const { existed } = JSON.parse(text) as { readonly existed: boolean };
  if (!existed) throw new CliError('ERR_REFUSED', `there is no topic ${topic} at ${hub.url.href}`);
  notice(`Deleted ${visible(topic)}`);
}

/** What a topic has. A sender that may not listen to it can delete it all the same. */
async function contents({ key, ...hub }: HubAddress, url: URL): Promise<string> {
  const headers = authorization({ ...hub, key });
  try {
    const response = await send(url, { method: 'HEAD', headers, timeoutMs: REQUEST_TIMEOUT_MS });
    const events = Number(response.headers['tidings-events'] ?? Number.NaN);
    if (Number.isSafeInteger(events)) return formatCount(events, 'event');
  } catch {
    // The deletion itself tells why.
  }
  return 'all of its events';
}
