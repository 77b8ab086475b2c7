import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parseChunked, RawClient } from './test-server.ts';

export type Transport = 'http' | 'https' | 'http2';

/** Where an adapter's server is. */
export interface Address {
  readonly transport: Transport;
  readonly port: number;
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether to read nothing until {@link Exchange.read} is called. */
  readonly paused?: boolean;
}

/** One request and what comes back, seen as closely as its transport allows. */
export interface Exchange {
  /** Waits for the head. */
  head(): Promise<{ status: number; headers: Headers }>;
  /** Waits until the body holds the text, and gives it up to there. */
  until(text: string): Promise<string>;
  /** Waits until the response is over. `cut` is what must not look finished. */
  over(): Promise<{ how: 'complete' | 'cut'; body: string }>;
  /** Reads on after a pause. */
  read(): void;
  /** Goes without a word. */
  leave(): void;
}

/** Asks for something. The exchange must be left or over before the test ends. */
export async function ask(address: Address, asked: Asked): Promise<Exchange> {
  return address.transport === 'http2' ? await askHttp2(address.port, asked) : await askHttp1(address, asked);
}

async function askHttp1({ transport, port }: Address, asked: Asked): Promise<Exchange> {
  const socket: Socket =
    transport === 'https'
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connectPlain(port, '127.0.0.1');
  await once(socket, transport === 'https' ? 'secureConnect' : 'connect');
  const client = new RawClient(socket);
  if (asked.paused) socket.pause();
  const { method = 'GET', path, headers = {}, body } = asked;
  const fields = { Host: 'test', ...headers, ...(body === undefined ? {} : { 'Content-Length': String(body.length) }) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`, 'latin1'));

  const parse = () => parseChunked(client.received);
  return {
    async head() {
      const { status, headers: received } = parseHead(await client.until('\r\n\r\n'));
      return { status, headers: received };
    },
    async until(text) {
      await client.untilTrue((received) => received.includes('\r\n\r\n') && parse().body.includes(text), text);
      const { body: whole } = parse();
      return whole.slice(0, whole.indexOf(text) + text.length);
    },
    async over() {
      const { status, headers: received } = parseHead(await client.until('\r\n\r\n'));
      if (method === 'HEAD' || status === 204) {
        // The connection is good for another request only where nothing follows the head.
        socket.write('OPTIONS * HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
        await client.closed;
        const [, rest = ''] = client.received.split(/\r\n\r\n(.*)/s);
        return { how: rest === '' || rest.startsWith('HTTP/1.1 ') ? 'complete' : 'cut', body: '' };
      }
      const length = received.get('content-length');
      if (length !== null) {
        const bodyOf = (all: string): string => all.slice(all.indexOf('\r\n\r\n') + 4);
        await client.untilTrue((all) => bodyOf(all).length >= Number(length), 'the whole body');
        socket.destroy();
        return { how: 'complete', body: bodyOf(client.received) };
      }
      await client.untilEndOrClosed('\r\n0\r\n\r\n');
      socket.destroy();
      return { how: parse().complete ? 'complete' : 'cut', body: parse().body };
    },
    read: () => void socket.resume(),
    leave: () => void socket.destroy(),
  };
}

function parseHead(text: string): { status: number; headers: Headers } {
  const [line = '', ...fields] = text.trimEnd().split('\r\n');
  const headers = new Headers(fields.map((field) => field.split(/: ?(.*)/s, 2) as [string, string]));
  return { status: Number(line.split(' ')[1]), headers };
}

async function askHttp2(port: number, asked: Asked): Promise<Exchange> {
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => {});
  await once(session, 'connect');
  const { method = 'GET', path, headers = {}, body: sent, paused } = asked;
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: sent === undefined });
  if (sent !== undefined) stream.end(sent);
  stream.on('error', () => {});
  let body = '';
  let changed = (): void => {};
  const response = once(stream, 'response') as Promise<[IncomingHttpHeaders]>;
  stream.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1');
    changed();
  });
  if (paused) stream.pause();
  stream.on('close', () => {
    changed();
    session.destroy();
  });
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      changed = resolve;
    });
  return {
    async head() {
      const [received] = await response;
      const fields = Object.entries(received).filter(([name]) => !name.startsWith(':'));
      return {
        status: Number(received[':status']),
        headers: new Headers(fields.map(([name, value]) => [name, String(value)])),
      };
    },
    async until(text) {
      while (!body.includes(text)) {
        if (stream.closed) throw new Error(`The stream was closed before ${JSON.stringify(text)} came`);
        await change();
      }
      return body.slice(0, body.indexOf(text) + text.length);
    },
    async over() {
      while (!stream.closed) await change();
      return { how: stream.rstCode === 0 ? 'complete' : 'cut', body };
    },
    read: () => void stream.resume(),
    leave: () => session.destroy(),
  };
}
