import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface LoggedEvent {
  seq: number;
  topic: string;
  id: string;
  type: string;
  data: string;
  time: string;
}

interface Listener {
  topic: string | null;
  envelope: boolean;
  response: ServerResponse;
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
}

const EPOCH = 'fake1';
const PAGE = new URL('../dist/page.html', import.meta.url);

/** As much of PROTOCOL.md as the page uses, in memory, with hands to break it off and to bring it back on the same port. */
export class FakeHub {
  /** When set, every request has to carry it. */
  key: string | undefined;
  /** The reconnection time that listeners are told, in milliseconds. */
  retry: number | undefined;
  /** What the next publish is answered instead, once. */
  nextProblem: { status: number; name: string; detail: string } | undefined;
  /** How many topics the list has. */
  maxListed = 1000;
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
    const batch = inputs.map(({ data, type = 'message', id, time }) => {
      this.#seq += 1;
      return {
        seq: this.#seq,
        topic,
        id: id ?? `${EPOCH}.${this.#seq}`,
        type,
        data,
        time: time ?? new Date().toISOString(),
      };
    });
    for (const event of batch) this.#log.push(event);
    for (const { topic: wanted, envelope, response } of this.#listeners) {
      if (wanted === topic) response.write(batch.map((event) => encode(event, envelope)).join(''));
    }
    this.#tellDirectory();
    return batch.at(-1)?.id ?? '';
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
    if (this.key !== undefined && request.headers.authorization !== `Bearer ${this.key}`) {
      problem(response, 401, 'unauthorized', 'This hub asks for a key');
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
      this.#listen(response, { topic: null, envelope: false, response });
      response.write(this.#directory());
      return;
    }
    const topic = matched ?? decodeURIComponent(url.pathname.slice('/topics/'.length));
    if (request.method === 'POST') {
      await this.#publish(request, response, topic, url.searchParams);
      return;
    }
    const lastEventId =
      (request.headers['last-event-id'] as string | undefined) ?? url.searchParams.get('last_event_id');
    const envelope = url.searchParams.get('envelope') === 'json';
    this.#listen(response, { topic, envelope, response });
    const backlog = this.#backlog(topic, lastEventId, Number(url.searchParams.get('last') ?? 0));
    response.write(backlog.head + backlog.events.map((event) => encode(event, envelope)).join(''));
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

  #backlog(topic: string, lastEventId: string | null, last: number): { head: string; events: LoggedEvent[] } {
    const kept = this.#log.filter((event) => event.topic === topic);
    if (lastEventId === null) {
      const events = last === 0 ? [] : kept.slice(-last);
      const before = (events[0]?.seq ?? this.#seq + 1) - 1;
      return { head: `event: tidings-heartbeat\nid: ${EPOCH}.${before}\ndata:\n\n`, events };
    }
    if (lastEventId === 'earliest') return { head: '', events: kept };
    const own = this.#log.find((event) => event.id === lastEventId)?.seq;
    const seq = own ?? Number(lastEventId.split('.')[1]);
    const events = kept.filter((event) => event.seq > seq);
    if (seq >= this.#trimmed) return { head: '', events };
    const resumedAt = `${EPOCH}.${this.#trimmed}`;
    const gap = JSON.stringify({ after: lastEventId, resumedAt, reason: 'trimmed' });
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
      return { topic, events: events.length, bytes, listeners, last: events.at(-1)?.time };
    });
    topics.sort((a, b) => (b.last ?? '').localeCompare(a.last ?? ''));
    return { topics, total: topics.length, cursor: `${EPOCH}.${this.#seq}`, epoch: EPOCH };
  }

  #tellDirectory(): void {
    for (const { topic, response } of this.#listeners) if (topic === null) response.write(this.#directory());
  }
}

function encode(event: LoggedEvent, envelope: boolean): string {
  const { topic, time, data } = event;
  const lines = (envelope ? JSON.stringify({ topic, time, data }) : data).split(/\r\n|\r|\n/);
  const type = event.type === 'message' ? '' : `event: ${event.type}\n`;
  return `${type}id: ${event.id}\n${lines.map((line) => `data: ${line}\n`).join('')}\n`;
}

function problem(response: ServerResponse, status: number, name: string, detail: string): void {
  response.writeHead(status, { 'Content-Type': 'application/problem+json' });
  response.end(JSON.stringify({ type: `/PROTOCOL.md#${name}`, title: name, status, detail }));
}
