import { once } from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import {
  createServer,
  Hub,
  type HubOptions,
  MemoryLog,
  type SecureHubServer,
  type SecureHubServerOptions,
} from '@tidings/hub';
import { onTestFinished } from 'vitest';
import { makeCertificate } from '../../server/test/certificate.ts';

export const CERTIFICATE = makeCertificate();

type ServerOptions = Partial<SecureHubServerOptions>;

/** A hub over TLS, for the length of one test. */
export class SecureHub {
  readonly hub: Hub;
  readonly server: SecureHubServer;
  readonly port: number;

  private constructor(hub: Hub, server: SecureHubServer) {
    this.hub = hub;
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(options: ServerOptions = {}, hubOptions: Partial<HubOptions> = {}): Promise<SecureHub> {
    const hub = new Hub({ log: new MemoryLog(), ...hubOptions });
    const server = createServer(hub, { tls: CERTIFICATE, ...options });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
      await hub.close({ finishMs: 0, windowMs: 0 });
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    });
    return new SecureHub(hub, server);
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** A connection of HTTP/2 that has had the settings of the hub. */
  async connect(): Promise<Http2Client> {
    return await Http2Client.connect(this.port);
  }

  /** A bare connection of TLS. */
  async tls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    socket.on('error', () => {});
    return socket;
  }

  /** Publishes, and gives the id. */
  async publish(topic: string, data: string): Promise<string> {
    return (await this.hub.publish(topic, { data })).id;
  }
}

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A client on one connection of HTTP/2. */
export class Http2Client {
  readonly session: ClientHttp2Session;
  /** Fulfils when the connection is closed. */
  readonly closed: Promise<void>;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    this.closed = new Promise((resolve) => void session.once('close', () => resolve()));
    session.on('error', () => {});
  }

  static async connect(port: number): Promise<Http2Client> {
    const session = connect(`https://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      maxSendHeaderBlockLength: 2 ** 20,
    });
    onTestFinished(() => session.destroy());
    const client = new Http2Client(session);
    await once(session, 'remoteSettings');
    return client;
  }

  request(method: string, path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.session.request({ ':method': method, ':path': path, ...headers }, { endStream: false });
    stream.on('error', () => {});
    return stream;
  }

  /** Sends a request and reads its answer. */
  async ask(method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: string): Promise<Http2Answer> {
    const stream = this.request(method, path, headers);
    stream.end(body);
    return await answerOf(stream);
  }

  /** A listener of which the head has come. */
  async listen(path: string): Promise<Http2Listener> {
    const stream = this.request('GET', path);
    stream.end();
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    return new Http2Listener(stream, headers);
  }
}

export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return { status: Number(headers[':status']), headers, text };
}

/** A listener on a stream of HTTP/2. It reads only while it is asked for something. */
export class Http2Listener {
  readonly stream: ClientHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Fulfils with the code of its end. */
  readonly closed: Promise<number>;
  text = '';

  constructor(stream: ClientHttp2Stream, headers: IncomingHttpHeaders) {
    this.stream = stream;
    this.headers = headers;
    this.closed = new Promise((resolve) => void stream.once('close', () => resolve(stream.rstCode)));
  }

  /** Reads until the text has come. */
  async until(text: string): Promise<string> {
    while (!this.text.includes(text)) {
      const chunk = this.stream.read() as Buffer | null;
      if (chunk) this.text += chunk.toString();
      else if (this.stream.destroyed) throw new Error(`The stream ended before ${JSON.stringify(text)} came`);
      else {
        await new Promise<void>((resolve) => {
          const woken = (): void => {
            this.stream.off('readable', woken).off('close', woken);
            resolve();
          };
          this.stream.on('readable', woken).on('close', woken);
        });
      }
    }
    return this.text;
  }
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A frame of HTTP/2 (RFC 9113, 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const FRAMES = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
};

/** A client that sends frames as they are. */
export class RawClient {
  readonly socket: TLSSocket;
  /** Fulfils when the connection is closed. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #arrived: () => void = () => {};

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#arrived();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#arrived();
        resolve();
      });
    });
  }

  static async connect(hub: SecureHub): Promise<RawClient> {
    const client = new RawClient(await hub.tls({ ALPNProtocols: ['h2'] }));
    client.socket.write(PREFACE);
    client.send(FRAMES.settings, 0, 0);
    return client;
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): void {
    this.socket.write(frame(type, flags, stream, payload));
  }

  /** Waits for a frame of a type that has come, and takes everything up to its end. Undefined if the connection is closed. */
  async next(type: number): Promise<Buffer | undefined> {
    for (;;) {
      while (this.#received.length >= 9) {
        const end = 9 + this.#received.readUIntBE(0, 3);
        if (this.#received.length < end) break;
        const found = this.#received.subarray(0, end);
        this.#received = this.#received.subarray(end);
        if (found[3] === type) return found;
      }
      if (this.socket.destroyed) return undefined;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  /** Waits until the hub has taken everything that was sent. */
  async settle(): Promise<void> {
    this.send(FRAMES.ping, 0, 0, Buffer.alloc(8));
    await this.next(FRAMES.ping);
  }
}

/** The block of a request, without the dynamic table. */
export function requestBlock(method: 'GET' | 'POST', path: string): Buffer {
  const literal = (index: number, value: string): Buffer =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  // Indexed: 2 is GET, 3 is POST, 7 is https. Literal without indexing: 4 is :path, 1 is :authority (RFC 7541, A).
  return Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87]),
    literal(4, path),
    literal(1, 'localhost'),
  ]);
}
