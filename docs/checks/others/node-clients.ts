import { createRequire } from 'node:module';
import { jsonSchema, parseJsonEventStream } from 'ai';
import { Stream } from 'openai/streaming';
import type { Handler } from '../client.ts';
import { CLIENTS } from '../clients.ts';
import type { Server } from './servers.ts';
import type { Listener } from './trial.ts';

/** A client for programs on Node. */
export interface NodeClient {
  readonly title: string;
  readonly packages: readonly string[];
  /** Begins to listen, and returns a function that ends it. `onEnd` is told how it ended by itself. */
  readonly listen: (url: string, handler: Handler, onEnd: (how: string) => void) => () => void;
  /** What it makes of a server that is killed. @default 'yes' */
  readonly verdict?: string;
  /** What it needs, and what it does not do, for the table. */
  readonly needs: string;
}

/** What the EventSources of the standard have in common. */
interface Source {
  addEventListener(type: string, listener: (event: MessageEvent<string>) => unknown): void;
  close(): void;
}

/** A package without types. */
const { EventSource: LaunchDarklyEventSource } = createRequire(import.meta.url)('launchdarkly-eventsource') as {
  EventSource: new (url: string) => Source;
};

/** The clients of docs/comparison.md, with what they need. */
const COMPARED: Readonly<Record<string, string>> = {
  '`EventSource`': 'nothing',
  '`subscribe()`': 'nothing',
  eventsource: 'nothing',
  'eventsource-client': 'nothing',
  undici: 'nothing',
  'fetch-event-source': 'parts of a page, which it is made for, and what it needs on one',
};

const READER =
  '`heartbeat=comment`. It reads one response, and throws if that breaks off. At a restart it only ends, so a program has to know its last event (`[DONE]`)';

export const NODE_CLIENTS: readonly NodeClient[] = [
  ...CLIENTS.filter(({ title }) => title in COMPARED).map((client): NodeClient => ({
    title: client.name === '@tidings/client' ? `${client.title} of ${client.name}` : client.title,
    packages: [client.name],
    listen: (url, handler) => client.listen(url, handler),
    needs: COMPARED[client.title] ?? '',
  })),
  {
    title: 'launchdarkly-eventsource',
    packages: ['launchdarkly-eventsource'],
    listen: (url, handler) => {
      const source = new LaunchDarklyEventSource(url);
      // Without a listener for it, it throws what no connection is there for.
      source.addEventListener('error', () => {});
      for (const type of ['message', 'tidings-gap']) source.addEventListener(type, (event) => handler(event));
      return () => source.close();
    },
    needs: 'a listener for `error`, or the process ends with the first connection that fails',
  },
  {
    title: 'openai, `Stream.fromSSEResponse`',
    packages: ['openai'],
    listen: (url, handler, onEnd) =>
      read(onEnd, async (controller) => {
        const response = await fetch(`${url}?heartbeat=comment`, { signal: controller.signal });
        const events = Stream.fromSSEResponse<number>(response, controller);
        for await (const data of events) await handler({ type: 'message', data: String(data) });
      }),
    verdict: 'throws TypeError, does not come back',
    needs: READER,
  },
  {
    title: 'AI SDK, `parseJsonEventStream`',
    packages: ['ai'],
    listen: (url, handler, onEnd) =>
      read(onEnd, async ({ signal }) => {
        const { body } = await fetch(`${url}?heartbeat=comment`, { signal });
        if (body === null) return;
        for await (const result of parseJsonEventStream({ stream: body, schema: jsonSchema({}) })) {
          if (!result.success) throw result.error;
          await handler({ type: 'message', data: String(result.value) });
        }
      }),
    verdict: 'throws TypeError, does not come back',
    needs: READER,
  },
];

/** Reads until it is aborted, and tells how it ended before. */
function read(onEnd: (how: string) => void, loop: (controller: AbortController) => Promise<void>): () => void {
  // openai aborts what it is given, too.
  const controller = new AbortController();
  let isWanted = true;
  const tell = (how: string): void => {
    if (isWanted) onEnd(how);
  };
  loop(controller).then(
    () => tell('ends'),
    (error: unknown) => tell(`throws ${error instanceof Error ? error.name : String(error)}`),
  );
  return () => {
    isWanted = false;
    controller.abort();
  };
}

/** Listens with a client, and ends it with the stack. */
export function listenOnNode(client: NodeClient, server: Server, stack: DisposableStack): Listener {
  const got: string[] = [];
  const handler: Handler = ({ type, data }) => {
    // fetch-event-source calls its handler for comments, too, with empty data.
    if (data !== '') got.push(type === 'tidings-gap' ? 'is told of a gap' : data);
  };
  let isOver = false;
  const onEnd = (how: string): void => {
    got.push(how);
    isOver = true;
  };
  stack.defer(client.listen(server.url('text'), handler, onEnd));
  return { title: client.title, got: () => Promise.resolve(got), isOver: () => isOver };
}
