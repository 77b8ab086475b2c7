// Whether a runtime's http lets go of a stream: tells `port <number>`, and at `look` what is left of the first response. Each line on standard
// input but that is sent as an event.
import { createInterface } from 'node:readline';
import { Channel } from '@tidings/server';
import { createServer, respond } from '@tidings/server/node';

const channel = new Channel({ keepAliveMs: 0 });
const held: WeakRef<object>[] = [];
const server = createServer((request, response) => {
  held.push(new WeakRef(request), new WeakRef(response), new WeakRef(request.socket));
  void respond(channel, request, response);
});
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as { port: number }).port}`));

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'look') void look();
  else void channel.publish({ data: line });
});

async function look(): Promise<void> {
  // What the first one finds unused is let go of at a later one.
  for (let round = 0; round < 10; round += 1) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [request, response, socket] = held.map((reference) => (reference.deref() === undefined ? 'gone' : 'kept'));
  console.log(`request ${request}, response ${response}, http’s socket ${socket}, listeners ${channel.listeners}`);
}
