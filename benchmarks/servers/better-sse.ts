// A channel of better-sse on node:http. The argument is the data of its events.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import { serve } from './commands.ts';

const channel = createChannel();
let seq = 0;
async function register(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // The data is text already, as it is for the others.
  const options = { keepAlive: null, retry: null, serializer: String };
  const session = await createSession(request, response, options);
  // A first byte, which the others send too
  session.push('', 'open', 'better000.0');
  channel.register(session);
}

function broadcast(data: string): void {
  seq += 1;
  // As long an id as the others give
  channel.broadcast(data, 'message', { eventId: `better000.${seq}` });
}

const server = createServer((request, response) => void register(request, response));
await serve(server, {
  publish(count, data = process.argv[2] ?? '') {
    for (let i = 0; i < Number(count); i += 1) broadcast(data);
  },
});
