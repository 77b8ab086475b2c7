import { ServerError, shown } from '../../errors.ts';
import { formatDuration } from '../../http/duration.ts';
import type { StoredEvent } from '../store/chunk-form.ts';
import type { HubConnection, HubRequest } from './hub-connection.ts';

/** A line of a publish (PROTOCOL §4.11). */
export interface HubLine {
  readonly topic: string;
  readonly data: string;
  readonly type?: string | undefined;
  readonly private?: boolean | undefined;
  readonly key?: string | undefined;
  readonly forget?: boolean | undefined;
  readonly close?: boolean | undefined;
  readonly lease?: string | undefined;
}

/** A page of a topic (PROTOCOL §14). */
export interface HubPage {
  readonly events: readonly StoredEvent[];
  readonly next: string;
  readonly state: 'open' | 'closed' | 'unknown';
  readonly gap?: HubGap | undefined;
}

/** A gap as a hub tells it (PROTOCOL §6.1). */
export interface HubGap {
  readonly after: string;
  readonly resumedAt: string;
  readonly reason: 'trimmed' | 'deleted' | 'unknown' | 'foreign' | 'ahead';
  readonly through?: string | undefined;
}

/** For how long a question is repeated. */
export interface HubPatience {
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds. @default 15 seconds */
  readonly ms?: number | undefined;
}

/** How long questions are repeated that have no lease to be in time for, in milliseconds. */
const PATIENCE_MS = 15_000;

/** The topics of a hub. Every request can be repeated, and is while the hub is away. */
export class HubTopics {
  readonly connection: HubConnection;

  constructor(connection: HubConnection) {
    this.connection = connection;
  }

  /** Makes a topic known, or sets its options. */
  async create(topic: string, { ttlMs, keep }: HubTopicOptions): Promise<void> {
    const body = JSON.stringify({ ttl: formatDuration(ttlMs), ...(keep === undefined ? {} : { keep }) });
    const headers = { 'Content-Type': 'application/json' };
    const request = { method: 'PUT', query: { topic }, headers, body, isUrgent: true };
    await this.connection.askAgain(PATIENCE_MS, request);
  }

  /** Makes or renews a lease, and resolves to its token. */
  async lease(topic: string, ms: number, how: { readonly key: string } | { readonly token: string }): Promise<string> {
    const headers: Record<string, string> =
      'key' in how ? { 'Idempotency-Key': how.key } : { 'Tidings-Lease': how.token };
    const query = { topic, lease: `${ms}ms` };
    const request = { method: 'PUT', query, headers };
    if ('token' in how) return (await this.#asLost(ms, { ...request, isUrgent: true }, leaseIn)).lease;
    return leaseIn((await this.connection.askAgain(PATIENCE_MS, request)).text).lease;
  }

  /** Gives a lease back. It is asked for once. */
  async release(topic: string, token: string): Promise<void> {
    const headers = { 'Tidings-Lease': token };
    await this.connection.ask({ method: 'DELETE', query: { topic, lease: '' }, headers });
  }

  /** Publishes lines, all or none, once for a key. Resolves to their ids. */
  async publish(lines: readonly HubLine[], key: string, ms: number = PATIENCE_MS): Promise<readonly string[]> {
    const headers = {
      'Content-Type': 'application/x-ndjson',
      Accept: 'application/json',
      'Idempotency-Key': key,
    };
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const request = { method: 'POST', query: {}, headers, body, isUrgent: true };
    return (await this.#asLost(ms, request, (text) => idsIn(text, lines.length))).ids;
  }

  /** The answer to a request of which a lease depends, or that is not to be done twice. One that nobody can read counts as lost: what was asked for may have been done, and is asked for again. */
  async #asLost<T>(ms: number, request: HubRequest, read: (text: string) => T): Promise<T> {
    const { clock } = this.connection;
    const end = clock.now() + ms;
    for (;;) {
      const { text } = await this.connection.askAgain(Math.max(0, end - clock.now()), request);
      try {
        return read(text);
      } catch (cause) {
        if (clock.now() >= end) throw new ServerError('ERR_STORE_AWAY', (cause as Error).message, { cause });
      }
      await this.connection.pause();
    }
  }

  /** One page, which does not wait for events. */
  async page(
    topic: string,
    query: Readonly<Record<string, string>>,
    { signal, ms = PATIENCE_MS }: HubPatience = {},
  ): Promise<HubPage> {
    const headers = { Accept: 'application/json' };
    const request = { method: 'GET', query: { ...query, match: topic }, headers, signal };
    const { text } = await this.connection.askAgain(ms, request);
    return answerOf<HubPage>(text, isPage);
  }

  /** When the lease of a topic ends, milliseconds since 1970; undefined if it has none, or that may not be known. */
  async leasedUntil(topic: string): Promise<number | undefined> {
    const path = `/${encodeURIComponent(topic)}`;
    const { response } = await this.connection.askAgain(PATIENCE_MS, { method: 'HEAD', path, query: {} });
    const until = response.headers.get('tidings-leased-until');
    return until === null ? undefined : Date.parse(until);
  }

  async delete(topic: string): Promise<boolean> {
    const { text } = await this.connection.askAgain(PATIENCE_MS, { method: 'DELETE', query: { topic } });
    return answerOf<{ readonly existed: boolean }>(text, ({ existed }) => typeof existed === 'boolean').existed;
  }
}

interface HubTopicOptions {
  readonly ttlMs: number;
  readonly keep?: 'latest' | undefined;
}

type Unchecked<T> = Readonly<Partial<Record<keyof T, unknown>>>;

/** @throws {ServerError} `ERR_HUB` for what is not the JSON that was asked for: it is not a hub that answers there, or something before it */
function answerOf<T>(text: string, isRight: (found: Unchecked<T>) => boolean): T {
  let cause: unknown;
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === 'object' && found !== null && isRight(found as Unchecked<T>)) return found as T;
  } catch (error) {
    cause = error;
  }
  const message = `The hub has answered ${shown(text.slice(0, 100))}, but must answer with JSON as a hub gives it`;
  throw new ServerError('ERR_HUB', message, { cause });
}

function leaseIn(text: string): { readonly lease: string } {
  return answerOf(text, ({ lease }) => typeof lease === 'string');
}

function idsIn(text: string, count: number): { readonly ids: readonly string[] } {
  return answerOf(
    text,
    ({ ids }) => Array.isArray(ids) && ids.length === count && ids.every((id) => typeof id === 'string'),
  );
}

function isPage({ events, next, state }: Unchecked<HubPage>): boolean {
  return Array.isArray(events) && events.every(isEvent) && typeof next === 'string' && typeof state === 'string';
}

function isEvent(event: Unchecked<StoredEvent> | null | undefined): boolean {
  return typeof event?.id === 'string' && typeof event.data === 'string';
}
