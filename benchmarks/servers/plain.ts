// What one writes without a library: every event to every response. The arguments are the data of the events, and `gzip` where each
// response is to be compressed by itself.

import { createServer } from 'node:http';
import type { Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { serve } from './commands.ts';

const [, , data = '', coding] = process.argv;
const listeners = new Set<Writable>();
let seq = 0;
const server = createServer((_request, response) => {
  const head = { 'Content-Type': 'text/event-stream' };
  let body: Writable = response;
  if (coding === 'gzip') {
    response.writeHead(200, { ...head, 'Content-Encoding': coding }).flushHeaders();
    const compressor = createGzip({ flush: constants.Z_SYNC_FLUSH });
    compressor.pipe(response);
    response.once('close', () => compressor.destroy());
    body = compressor;
  } else response.writeHead(200, head).flushHeaders();
  body.write(':\n\n');
  listeners.add(body);
  response.once('close', () => listeners.delete(body));
});
await serve(server, {
  publish(count, text = data) {
    for (let i = 0; i < Number(count); i += 1) {
      seq += 1;
      // As long an id as the others give
      const frame = `id: plain000.${seq}\ndata: ${text}\n\n`;
      for (const listener of listeners) listener.write(frame);
    }
  },
});
