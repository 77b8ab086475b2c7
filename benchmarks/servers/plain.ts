// What one writes without a library: every event to every response. The argument is the data of the events.

import { createServer, type ServerResponse } from 'node:http';
import { serve } from './commands.ts';

const data = process.argv[2] ?? '';
const listeners = new Set<ServerResponse>();
let seq = 0;
const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.flushHeaders();
  response.write(':\n\n');
  listeners.add(response);
  response.once('close', () => listeners.delete(response));
});
await serve(server, {
  publish(count) {
    for (let i = 0; i < Number(count); i += 1) {
      seq += 1;
      // As long an id as the others give
      const frame = `id: plain000.${seq}\ndata: ${data}\n\n`;
      for (const listener of listeners) listener.write(frame);
    }
  },
});
