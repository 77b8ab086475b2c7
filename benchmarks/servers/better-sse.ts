// A channel of better-sse on node:http. The argument is the data of its events.

import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import { serve } from './commands.ts';

const channel = createChannel();
let seq = 0;
const server = createServer(async (request, response) => {
  // The data is text already, as it is for the others.
  const options = { keepAlive: null, retry: null, serializer: String };
  const session = await createSession(request, response, options);
  // A first byte, which the others send too
  session.push('', 'open', 'better000.0');
  channel.register(session);
});

function broadcast(data: string): void {
  seq += 1;
  // As long an id as the others give
  channel.broadcast(data, 'message', { eventId: `better000.${seq}` });
}

await serve(server, {
  publish(count, data = process.argv[2] ?? '') {
    for (let i = 0; i < Number(count); i += 1) broadcast(data);
  },
});
