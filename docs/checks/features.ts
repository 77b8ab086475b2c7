import type { Socket } from 'node:net';
import type { Client, Wishes } from './client.ts';
import { type Row, verdict } from './row.ts';
import { type Answer, chunk, response, ScriptedServer, stream } from './scripted-server.ts';
import { pause, Session, until } from './session.ts';

/** How much a consumer that has stopped is sent at most, in bytes: far more than the buffers of two sockets hold. */
const FLOOD_BYTES = 96 * 1024 * 1024;

/** How long a socket takes nothing before it counts as stopped, in milliseconds. */
const STOPPED_MS = 1_500;

/** How long the server is silent, in milliseconds: longer than the 300 seconds that fetch of Node allows. */
const SILENCE_MS = 310_000;

const EVENT = stream(['retry: 100\nid: 1\ndata: 1\n\n']);

/** A row for a wish: `no` without a way to have it granted, else whether it works, and how. */
function grants(title: string, wish: keyof Wishes, works: (client: Client) => Promise<boolean>): Row {
  return {
    title,
    check: async (client) => {
      const way = client.ways[wish];
      return way !== undefined && (await works(client)) ? way : 'no';
    },
  };
}

/** The rows on features of clients. */
export const FEATURES: readonly Row[] = [
  grants('sends a POST with a body', 'post', async (client) => {
    using session = await Session.start(client, [EVENT], { wishes: { post: 'question' } });
    await session.asks(1);
    const [request] = session.requests;
    return request?.method === 'POST' && request.body === 'question';
  }),
  grants('calls a function for the headers of each attempt', 'headers', async (client) => {
    let tries = 0;
    const headers = (): Record<string, string> => ({ 'x-try': String((tries += 1)) });
    const broken = stream(['retry: 100\ndata: a\n\n'], 'reset');
    using session = await Session.start(client, [broken, stream([])], { wishes: { headers } });
    await session.asks(2);
    return session.requests.map((request) => request.headers['x-try']).join() === '1,2';
  }),
  grants('begins after an id', 'lastEventId', async (client) => {
    using session = await Session.start(client, [EVENT], { wishes: { lastEventId: '41' } });
    await session.asks(1);
    return session.requests[0]?.headers['last-event-id'] === '41';
  }),
  grants('an `AbortSignal` ends it', 'signal', async (client) => {
    const controller = new AbortController();
    using session = await Session.start(client, [EVENT], { wishes: { signal: controller.signal } });
    if (!(await session.hears('1'))) return false;
    controller.abort();
    const hasGone = await until(() => session.server.connections === 0, 1_000);
    return hasGone && !(await session.asks(2, 1_000));
  }),
  grants('reports the status of a response that is no stream', 'onStatus', async (client) => {
    let told: number | undefined;
    const onStatus = (status: number): void => {
      told = status;
    };
    using session = await Session.start(client, [response('403 Forbidden')], { wishes: { onStatus } });
    await session.asks(1);
    return await until(() => told === 403, 1_000);
  }),
  {
    title: 'is an async iterable',
    check: async (client) => {
      const server = await ScriptedServer.listen(EVENT);
      const events = client.iterate?.(server.url);
      let heard: string | undefined;
      if (events) {
        for await (const { data } of events) {
          heard = data;
          break;
        }
      }
      server.close();
      return verdict(heard === '1');
    },
  },
  {
    title: 'and leaving the loop ends the connection',
    check: async (client) => {
      if (!client.iterate) return undefined;
      const server = await ScriptedServer.listen(EVENT);
      for await (const event of client.iterate(server.url)) if (event.data === '1') break;
      const hasGone = await until(() => server.connections === 0, 1_000);
      server.close();
      return verdict(hasGone);
    },
  },
  {
    title: 'a busy consumer stops the reading from the socket',
    check: async (client) => {
      const flood = new Flood();
      const server = await ScriptedServer.listen(flood.answer);
      // Busy for ever with the first event, in a loop where there is one.
      const busy = new Promise<void>(() => {});
      const end = client.iterate ? undefined : client.listen(server.url, () => busy);
      const iterator = client.iterate?.(server.url)[Symbol.asyncIterator]();
      await iterator?.next();
      const hasStopped = await flood.stops();
      end?.();
      server.close();
      return verdict(hasStopped);
    },
  },
  grants('treats a silent connection as dead after a chosen time', 'idleTimeoutMs', async (client) => {
    using session = await Session.start(client, [EVENT], { wishes: { idleTimeoutMs: 500 } });
    return await session.asks(2);
  }),
  grants('checks data with a schema', 'numbersOnly', async (client) => {
    const answer = stream(['data: 1\n\ndata: one\n\ndata: 2\n\nevent: end\ndata: 3\n\n']);
    using session = await Session.start(client, [answer], { wishes: { numbersOnly: true } });
    await session.hears('3');
    return session.heard.map(({ data }) => data).join() === '1,2,3';
  }),
  grants('keeps its position over restarts in a store', 'store', async (client) => {
    let position = '';
    const store = {
      get: () => position,
      set: (id: string) => {
        position = id;
      },
    };
    {
      using first = await Session.start(client, [EVENT], { wishes: { store } });
      await first.hears('1');
      await until(() => position === '1', 1_000);
    }
    using second = await Session.start(client, [EVENT], { wishes: { store } });
    await second.asks(1);
    return second.requests[0]?.headers['last-event-id'] === '1';
  }),
];

export const SILENCE: Row = {
  title: 'on Node, keeps a stream that is silent for 310 seconds',
  check: async (client) => {
    const answer: Answer = (socket, request) => {
      stream(['data: before\n\n'])(socket, request);
      setTimeout(() => socket.write(chunk('data: after\n\n')), SILENCE_MS);
    };
    using session = await Session.start(client, [answer]);
    return verdict((await session.hears('after', SILENCE_MS + 5_000)) && session.requests.length === 1);
  },
};

/** Sends events as long as the other end takes them. */
class Flood {
  readonly #piece = chunk(`data: ${'x'.repeat(1016)}\n\n`.repeat(64));
  #socket: Socket | undefined;
  #written = 0;

  get answer(): Answer {
    return (socket, request) => {
      this.#socket = socket;
      stream([])(socket, request);
      const write = (): void => {
        while (!this.#isDone) {
          this.#written += this.#piece.length;
          if (socket.write(this.#piece)) continue;
          socket.once('drain', write);
          return;
        }
      };
      write();
    };
  }

  /** Whether the other end stops taking before everything is sent. */
  async stops(): Promise<boolean> {
    await until(() => this.#socket !== undefined, 5_000);
    let before = -1;
    while (this.#taken > before) {
      if (this.#isDone) return false;
      before = this.#taken;
      await pause(STOPPED_MS);
    }
    return !this.#isDone;
  }

  get #isDone(): boolean {
    return this.#written >= FLOOD_BYTES;
  }

  get #taken(): number {
    return this.#written - (this.#socket?.writableLength ?? 0);
  }
}
