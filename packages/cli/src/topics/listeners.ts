import { ConnectionError, type EventMessage, isGap, subscribe } from '@tidings/client';
import { LISTENER_CLOSED_TYPE, LISTENERS_TYPE } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { ask } from '../http/ask.ts';
import { explainEnd } from '../http/explain.ts';
import { authorization, type HubAddress, topicUrl } from '../http/hub-address.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice, print, visible } from '../terminal/output.ts';

/** The most bytes of a page of 1,000 listeners: a subject of 512 characters may take six times as many in JSON. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

const PAGE_LISTENERS = '1000';

/** A connection that is silent for longer is dead, in milliseconds. A hub sends four keep-alives in this time (PROTOCOL §5.5). */
const IDLE_TIMEOUT_MS = 60_000;

interface ToldListener {
  readonly id: string;
  readonly subject?: string;
  readonly since: string;
}

/** A page of the listeners of a topic (PROTOCOL §18.2). */
interface ListenersPage {
  readonly after?: string;
  readonly listeners: readonly ToldListener[];
  readonly next?: string;
}

/**
 * Prints who listens to a topic, in the order in which they came.
 *
 * @throws {CliError} `ERR_USAGE`, `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function listListeners(hub: HubAddress, topic: string, json: boolean): Promise<void> {
  const url = listenersUrl(hub, topic);
  url.searchParams.set('limit', PAGE_LISTENERS);
  for (let isFirst = true; ; isFirst = false) {
    const { listeners, next } = await askForPage(hub, url);
    if (isFirst && listeners.length === 0 && !json) notice(`Nobody listens to ${visible(topic)}`);
    await print(listeners.map((each) => (json ? `${JSON.stringify(each)}\n` : `${line(each)}\n`)).join(''));
    if (next === undefined) return;
    url.searchParams.set('after', next);
  }
}

/**
 * Prints who listens to a topic, and then who comes and goes, until Ctrl-C. After a break of the connection it prints anew who listens.
 *
 * @throws {CliError} `ERR_USAGE`, `ERR_REFUSED`, `ERR_UNREACHABLE` if the hub is not there at the beginning
 */
export async function followListeners(hub: HubAddress, topic: string, json: boolean): Promise<void> {
  const url = listenersUrl(hub, topic);
  const first = new URL(url);
  first.searchParams.set('limit', '1');
  // What is refused is told as without following.
  await askForPage(hub, first);
  const headers = authorization(hub);
  const events = subscribe(url, { headers, idleTimeoutMs: IDLE_TIMEOUT_MS });
  const release = onInterrupt(() => events.close());
  try {
    for await (const event of events) if (!isGap(event)) await print(changeLines(event, json));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new CliError('ERR_REFUSED', await explainEnd(error, url, headers), { cause: error });
  } finally {
    release();
  }
}

function listenersUrl(hub: HubAddress, topic: string): URL {
  // What is wrong with a topic is told as by the other commands.
  topicUrl(hub.url, topic);
  const url = new URL('listeners', hub.url);
  url.searchParams.set('topic', topic);
  return url;
}

async function askForPage(hub: HubAddress, url: URL): Promise<ListenersPage> {
  const headers = { accept: 'application/json' };
  const { text } = await ask(hub, url, { method: 'GET', headers, maxBytes: MAX_PAGE_BYTES });
  return JSON.parse(text) as ListenersPage;
}

function changeLines({ type, data }: EventMessage, json: boolean): string {
  if (json) return `${JSON.stringify({ type, data: JSON.parse(data) as unknown })}\n`;
  if (type === LISTENERS_TYPE) {
    const { after, listeners } = JSON.parse(data) as ListenersPage;
    const lines = listeners.map((each) => `here    ${line(each)}\n`);
    return `${after === undefined && listeners.length === 0 ? 'nobody\n' : ''}${lines.join('')}`;
  }
  const told = JSON.parse(data) as ToldListener;
  return type === LISTENER_CLOSED_TYPE ? `gone    ${told.id}\n` : `came    ${line(told)}\n`;
}

function line({ id, subject = '-', since }: ToldListener): string {
  return `${id}  ${since}  ${visible(subject)}`;
}
