import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encode, EPOCH, heartbeat, ofTypes } from './fake-events.ts';
import type { LoggedEvent } from './fake-events.ts';

interface Listener {
  topic: string | null;
  envelope: boolean;
  /** None stands for all. */
  types: readonly string[];
  response: ServerResponse;
}

interface TokenRights {
  readonly list?: true;
  readonly publish?: true;
  readonly manage?: true;
  /** What it may do on some topic. @default everything */
  readonly may?: readonly string[];
}

interface TopicDocument {
  topics: { topic: string; events: number; bytes: number; listeners: number; last: string | undefined }[];
  total: number;
  cursor: string;
  epoch: string;
}

interface EventInput {
  type?: string;
  id?: string;
  /** ISO 8601. */
  time?: string;
  key?: string;
  forget?: true;
}

const PAGE = new URL('../dist/page.html', import.meta.url);

/** As much of PROTOCOL.md as the page uses, in memory, with hands to break it off and to bring it back on the same port. */
export class FakeHub {
  /** When set, every request has to carry it, those of listeners only if not everyone may listen. */
  key: string | undefined;
  /** Whether everyone may listen, though publishing takes the key. */
  everyoneListens = false;
  /** Why it does not take another one. */
  refusal = 'This hub asks for a key';
  /** What each token allows. */
  readonly tokens = new Map<string, TokenRights>();
  /** The reconnection time that listeners are told, in milliseconds. */
  retry: number | undefined;
  /** What the next publish is answered instead, once. */
  nextProblem: { status: number; name: string; detail: string } | undefined;
  /** How many topics the list has. */
  maxListed = 1000;
  /** Whether the list says nothing new. */
  isListHeld = false;
  /** Whether it answers HEAD. */
  answersHead = true;
  /** The tickets that it gives, in this order; without any it gives none. */
  tickets: string[] = [];
  /** How long a ticket may wait for its first use, in milliseconds. */
  ticketMs = 30_000;
  /** What the list says of a topic beside its events. */
  readonly states = new Map<string, { state?: 'closed'; leased?: true }>();
  /** What HEAD says of a topic. */
  readonly heads = new Map<string, Record<string, string>>();
  readonly requests: {
    method: string;
    url: string;
    lastEventId: string | undefined;
    authorization: string | undefined;
  }[] = [];
  #port = 0;
  #server: Server | undefined;
  #seq = 0;
  readonly #log: LoggedEvent[] = [];
  #trimmed = 0;
  readonly #listeners = new Set<Listener>();
  /** The last event of each topic that was deleted. */
  readonly #deleted = new Map<string, number>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** How many listeners there are now. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Listens, the second time on the port of the first. */
  async open(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Breaks off every connection and listens no more. What was published stays. */
  async breakOff(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#listeners.clear();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  /** Publishes as a program would. */
  append(topic: string, data: string, input: EventInput = {}): string {
    return this.appendAll(topic, [{ data, ...input }]);
  }

  /** Publishes many events, which each listener is sent in one write. */
  appendAll(topic: string, inputs: readonly ({ data: string } & EventInput)[]): string {
    const batch = inputs.map(({ type = 'message', id, time, ...rest }) => {
      this.#seq += 1;
      return {
        ...rest,
        seq: this.#seq,
        topic,
        id: id ?? `${EPOCH}.${this.#seq}`,
        type,
        time: time ?? new Date().toISOString(),
      };
    });
    for (const event of batch) this.#log.push(event);
    for (const { topic: wanted, envelope, types, response } of this.#listeners) {
      if (wanted === topic)
        response.write(
          ofTypes(batch, types)
            .map((event) => encode(event, envelope))
            .join(''),
        );
    }
    this.#tellDirectory();
    return batch.at(-1)?.id ?? '';
  }

  /** Closes a topic with a final event, and ends its streams. */
  finish(topic: string, type = 'tidings-closed', data = '{"reason":"closed"}'): string {
    this.states.set(topic, { state: 'closed' });
    const id = this.append(topic, data, { type });
    this.endStreams(topic);
    return id;
  }

  /** Removes a topic with its events. Returns whether it was there. */
  remove(topic: string): boolean {
    const kept = this.#log.filter((event) => event.topic !== topic);
    const existed = kept.length < this.#log.length;
    this.#log.splice(0, this.#log.length, ...kept);
    this.states.delete(topic);
    this.#seq += 1;
    this.#deleted.set(topic, this.#seq);
    this.endStreams(topic, '');
    this.#tellDirectory();
    return existed;
  }

  /** Lets go of all but the newest events, as retention does. */
  trim(keep: number): void {
    const dropped = this.#log.splice(0, Math.max(0, this.#log.length - keep));
    this.#trimmed = dropped.at(-1)?.seq ?? this.#trimmed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push({
      method: request.method ?? '',
      url: url.pathname + url.search,
      lastEventId: request.headers['last-event-id'] as string | undefined,
      authorization: request.headers.authorization,
    });
    if (url.pathname === '/') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(await readFile(PAGE));
      return;
    }
    const sent = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const rights = this.tokens.get(sent);
    if (url.pathname === '/healthz') {
      if (sent !== '' && this.key !== undefined && sent !== this.key && rights === undefined) {
        problem(response, 401, 'unauthorized', this.refusal);
        return;
      }
      const all = ['listen', 'publish', 'manage'];
      const may = this.key === undefined || sent === this.key ? all : rights ? (rights.may ?? all) : [];
      response.end(JSON.stringify({ status: 'ok', may: this.everyoneListens ? ['listen', ...may] : may }));
      return;
    }
    // A credential that it does not take is refused, also where everyone may do without.
    const isOpen =
      this.key === undefined || (this.everyoneListens && sent === '' && /^(GET|HEAD)$/.test(request.method ?? ''));
    if (!isOpen && sent !== this.key && rights === undefined) {
      problem(response, 401, 'unauthorized', this.refusal);
      return;
    }
    if (url.pathname === '/tickets') {
      this.#giveTicket(response);
      return;
    }
    const needed = neededRight(request.method, url);
    if (rights !== undefined && needed !== undefined && rights[needed] !== true) {
      problem(response, 403, 'forbidden', `The rights of web do not allow it to ${needed}`);
      return;
    }
    const matched = url.searchParams.get('match') ?? url.searchParams.get('topic');
    if (url.pathname === '/topics' && !(request.headers.accept ?? '').includes('event-stream') && matched === null) {
      const prefix = url.searchParams.get('prefix');
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(prefix === null ? this.#document() : this.#found(prefix)));
      return;
    }
    if (url.pathname === '/topics' && matched === null) {
      this.#listen(response, { topic: null, envelope: false, types: [], response });
      response.write(this.#directory());
      return;
    }
    const topic = matched ?? decodeURIComponent(url.pathname.slice('/topics/'.length));
    if (request.method === 'POST') {
      await this.#publish(request, response, topic, url.searchParams);
      return;
    }
    if (request.method === 'DELETE') {
      response.end(JSON.stringify({ topic, existed: this.remove(topic) }));
      return;
    }
    const lastEventId = (request.headers['last-event-id'] as string | undefined) ?? url.searchParams.get('lastEventId');
    const isClosed = this.states.get(topic)?.state === 'closed';
    const isComplete = isClosed && lastEventId !== null && this.#isAtEnd(topic, lastEventId);
    if (request.method === 'HEAD' && !this.answersHead) return;
    if (isComplete || request.method === 'HEAD') {
      response.writeHead(isComplete ? 204 : 200, this.heads.get(topic)).end();
      return;
    }
    const envelope = url.searchParams.get('envelope') === 'json';
    const types = url.searchParams.getAll('type');
    this.#listen(response, { topic, envelope, types, response });
    const kept = ofTypes(
      this.#log.filter((event) => event.topic === topic),
      types,
    );
    const last = Number(url.searchParams.get('last') ?? 0);
    const backlog = this.#backlog(kept, lastEventId, last, this.#deleted.get(topic) ?? 0);
    response.write(backlog.head + backlog.events.map((event) => encode(event, envelope)).join(''));
    if (isClosed) this.endStreams(topic);
  }

  #giveTicket(response: ServerResponse): void {
    const ticket = this.tickets.shift();
    if (ticket === undefined) {
      problem(response, 404, 'not-found', 'There is nothing at this path');
      return;
    }
    const [useBy, expiresAt] = [this.ticketMs, 3_600_000].map((ms) => new Date(Date.now() + ms).toISOString());
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ticket, useBy, expiresAt }));
  }

  /** Whether a position is behind the last event of a topic. */
  #isAtEnd(topic: string, lastEventId: string): boolean {
    const final = this.#log.findLast((event) => event.topic === topic);
    return final === undefined || this.#seqOf(lastEventId) >= final.seq;
  }

  #seqOf(id: string): number {
    return this.#log.find((event) => event.id === id)?.seq ?? Number(id.split('.')[1]);
  }

  /** Ends the streams of a topic. One that is not sent the final event moves past it first. */
  endStreams(topic: string, last = heartbeat(this.#seq)): void {
    for (const listener of this.#listeners) if (listener.topic === topic) listener.response.end(last);
  }

  async #publish(
    request: IncomingMessage,
    response: ServerResponse,
    topic: string,
    parameters: URLSearchParams,
  ): Promise<void> {
    request.setEncoding('utf8');
    let data = '';
    for await (const chunk of request) data += String(chunk);
    const refusal = this.nextProblem;
    if (refusal !== undefined) {
      this.nextProblem = undefined;
      problem(response, refusal.status, refusal.name, refusal.detail);
      return;
    }
    const input: EventInput = {};
    const type = parameters.get('type');
    const id = parameters.get('id');
    if (type !== null) input.type = type;
    if (id !== null) input.id = id;
    const key = parameters.get('key');
    if (key !== null) input.key = key;
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(this.append(topic, data, input));
  }

  #listen(response: ServerResponse, listener: Listener): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' });
    response.write(this.retry === undefined ? ':\n\n' : `retry: ${this.retry}\n\n`);
    this.#listeners.add(listener);
    response.once('close', () => {
      this.#listeners.delete(listener);
      if (listener.topic !== null) this.#tellDirectory();
    });
    if (listener.topic !== null) this.#tellDirectory();
  }

  #backlog(
    kept: readonly LoggedEvent[],
    lastEventId: string | null,
    last: number,
    deleted: number,
  ): { head: string; events: readonly LoggedEvent[] } {
    if (lastEventId === null) {
      const events = last === 0 ? [] : kept.slice(-last);
      const before = (events[0]?.seq ?? this.#seq + 1) - 1;
      return { head: heartbeat(before), events };
    }
    if (lastEventId === 'earliest') return { head: '', events: kept };
    const seq = this.#seqOf(lastEventId);
    const events = kept.filter((event) => event.seq > seq);
    const missing = Math.max(this.#trimmed, deleted);
    if (seq >= missing) return { head: '', events };
    const resumedAt = `${EPOCH}.${missing}`;
    const reason = deleted > seq ? 'deleted' : 'trimmed';
    const gap = JSON.stringify({ after: lastEventId, resumedAt, reason });
    return { head: `event: tidings-gap\nid: ${resumedAt}\ndata: ${gap}\n\n`, events };
  }

  #directory(): string {
    return `event: topics\ndata: ${JSON.stringify(this.#document())}\n\n`;
  }

  /** The newest topics that are listed. */
  #document(): TopicDocument {
    const { topics, ...rest } = this.#all();
    return { ...rest, topics: topics.slice(0, this.maxListed) };
  }

  #found(prefix: string): TopicDocument {
    const { topics, ...rest } = this.#all();
    return { ...rest, topics: topics.filter(({ topic }) => topic.startsWith(prefix)) };
  }

  #all(): TopicDocument {
    const names = [...new Set(this.#log.map((event) => event.topic))];
    const topics = names.map((topic) => {
      const events = this.#log.filter((event) => event.topic === topic);
      const listeners = [...this.#listeners].filter((listener) => listener.topic === topic).length;
      const bytes = events.reduce((sum, event) => sum + event.data.length, 0);
      return { topic, ...this.states.get(topic), events: events.length, bytes, listeners, last: events.at(-1)?.time };
    });
    topics.sort((a, b) => (b.last ?? '').localeCompare(a.last ?? ''));
    return { topics, total: topics.length, cursor: `${EPOCH}.${this.#seq}`, epoch: EPOCH };
  }

  #tellDirectory(): void {
    if (this.isListHeld) return;
    for (const { topic, response } of this.#listeners) if (topic === null) response.write(this.#directory());
  }
}

function problem(response: ServerResponse, status: number, name: string, detail: string): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json' });
  response.end(JSON.stringify({ type: `/PROTOCOL.md#${name}`, title: name, status, detail }));
}

/** The right that a request needs, beside that to listen to the topic. */
function neededRight(method: string | undefined, url: URL): 'list' | 'publish' | 'manage' | undefined {
  if (method === 'POST') return 'publish';
  if (method === 'DELETE') return 'manage';
  return url.pathname === '/topics' && !url.searchParams.has('match') ? 'list' : undefined;
}
