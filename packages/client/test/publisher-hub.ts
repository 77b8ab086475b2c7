import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface SentEvent {
  readonly topic: string;
  readonly data: unknown;
  readonly type?: string;
  readonly id?: string;
}

/** A request as the hub got it. */
export interface SentBatch {
  readonly key: string;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly events: readonly SentEvent[];
}

/** What the hub does with a request in place of what it would do: it answers something else, or nothing. */
export type Fault =
  /** Stores the batch, and breaks the connection without an answer. */
  | 'lose-answer'
  /** Breaks the connection, and stores nothing. */
  | 'lose-request'
  /** Stores the batch, and says nothing. */
  | 'silence'
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      /** Whether the connection breaks behind this part of the body. */
      readonly isCut?: boolean;
    };

/** What a hub refuses, with the name of the refusal. */
const REFUSALS: Readonly<Record<string, number>> = {
  'invalid-event': 400,
  forbidden: 403,
  'topic-closed': 409,
  'too-large': 413,
  'key-reused': 422,
};

/**
 * Stands in for a hub: it publishes batches of NDJSON by the rules of PROTOCOL §4, each key once. It refuses events whose data is `bad`, those of the topics
 * `forbidden` and `closed`, and what is larger than allowed.
 */
export class StandInHub {
  readonly url: string;
  /** What is stored, in order. */
  readonly events: SentEvent[] = [];
  readonly requests: SentBatch[] = [];
  /** Called for each request with its number, from 1. */
  fault: (number: number, batch: SentBatch) => Fault | undefined = () => undefined;
  /** What it answers at other paths: a page whose script this is, and the script. */
  script = '';
  maxBodyBytes = 16 * 1024 * 1024;
  maxEventBytes = 1024 * 1024;
  readonly #answers = new Map<string, { body: string; ids: string[] }>();

  private constructor(url: string) {
    this.url = url;
  }

  static async start(port = 0): Promise<StandInHub> {
    const server = http.createServer((request, response) => void hub.#serve(request, response));
    await once(server.listen(port, '127.0.0.1'), 'listening');
    const hub = new StandInHub(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return hub;
  }

  get data(): unknown[] {
    return this.events.map(({ data }) => data);
  }

  /** The sizes of the batches, in the order of the requests. */
  get sizes(): number[] {
    return this.requests.map(({ events }) => events.length);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      const isScript = request.url === '/script.js';
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
      response.end(isScript ? this.script : '<!doctype html><script type="module" src="/script.js"></script>');
      return;
    }
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    if (request.method !== 'POST' || request.url !== '/topics' || !isNdjson(request)) {
      response.writeHead(404).end('no such page');
      return;
    }
    const events = body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SentEvent);
    const batch = { key: String(request.headers['idempotency-key']), body, headers: request.headers, events };
    this.requests.push(batch);
    const fault = this.fault(this.requests.length, batch);
    if (typeof fault === 'object') {
      response.writeHead(fault.status, fault.headers);
      if (fault.isCut) response.write(fault.body ?? '', () => request.socket.destroy());
      else response.end(fault.body);
      return;
    }
    const answer = fault === 'lose-request' ? undefined : this.#publish(batch);
    if (fault === 'silence') return;
    if (fault || !answer) request.socket.destroy();
    else if ('refused' in answer) response.writeHead(REFUSALS[answer.refused]!, PROBLEM).end(problem(answer.refused));
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #publish({ key, body, events }: SentBatch): { ids: string[] } | { refused: string } {
    const known = this.#answers.get(key);
    if (known) return known.body === body ? { ids: known.ids } : { refused: 'key-reused' };
    if (Buffer.byteLength(body) > this.maxBodyBytes) return { refused: 'too-large' };
    for (const { topic, data } of events) {
      if (data === 'bad') return { refused: 'invalid-event' };
      if (topic === 'forbidden') return { refused: 'forbidden' };
      if (topic === 'closed') return { refused: 'topic-closed' };
      if (typeof data === 'string' && Buffer.byteLength(data) > this.maxEventBytes) return { refused: 'too-large' };
    }
    const first = this.events.length + 1;
    this.events.push(...events);
    const ids = events.map(({ id }, at) => id ?? `e.${first + at}`);
    this.#answers.set(key, { body, ids });
    return { ids };
  }
}

const PROBLEM = { 'content-type': 'application/problem+json' };

export function problem(name: string): string {
  return JSON.stringify({ type: `/PROTOCOL.md#${name}`, title: name, detail: `it is ${name}` });
}

function isNdjson({ headers }: http.IncomingMessage): boolean {
  return headers['content-type'] === 'application/x-ndjson' && headers.accept === 'application/json';
}
