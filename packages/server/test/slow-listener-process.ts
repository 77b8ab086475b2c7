// A channel in a process of its own, for the test that watches its memory.
// slow-listener-process.ts <path of a Unix socket> <http or streams: whose server>: sends 'open' over IPC when it listens. Takes { publish: [fields] }, and 'memory'.
import { createServer as createHttpServer } from 'node:http';
import { Channel, type ReceivedEvent } from '@tidings/server';
import { createServer as createStreamServer, respond } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';

type Order = 'memory' | { readonly publish: readonly EventFields[] };

const isTick = ({ type }: ReceivedEvent): boolean => type === 'tick';

const channel = new Channel({
  history: { maxEvents: 40 },
  authenticate: ({ url }) => url !== '/ticks' || { allow: true, filter: isTick, filterKey: 'ticks' },
});
const [, , path, whose] = process.argv;
const createServer = whose === 'streams' ? createStreamServer : createHttpServer;
const server = createServer((request, response) => void respond(channel, request, response));
// A thousand may come at once.
server.listen({ path, backlog: 1000 }, () => process.send?.('open'));

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());

async function obey(order: Order): Promise<void> {
  if (order === 'memory') {
    // What the first one finds unused is let go of at the second.
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    process.send?.({ bytes: heapUsed + external, listeners: channel.listeners });
    return;
  }
  await Promise.all(order.publish.map((fields) => channel.publish(fields)));
  process.send?.('published');
}
