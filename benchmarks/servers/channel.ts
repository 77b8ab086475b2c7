// A Channel. The arguments are the data of its events, then `compression` where it may be coded, and `stream-server` where it is served by
// the server for streams of @tidings/server/node instead of that of node:http.

import { createServer } from 'node:http';
import { Channel } from '@tidings/server';
import { createServer as createStreamServer, respond } from '@tidings/server/node';
import { serve } from './commands.ts';

const [, , data = '', ...wanted] = process.argv;
const channel = new Channel({ keepAliveMs: 0, compression: wanted.includes('compression') });
const create = wanted.includes('stream-server') ? createStreamServer : createServer;
const server = create((request, response) => void respond(channel, request, response));
await serve(server, {
  publish(count, text = data) {
    for (let i = 0; i < Number(count); i += 1) void channel.publish({ data: text });
  },
  /** Publishes one event, and answers its id. */
  cursor: () => channel.publish({ data }),
});
await channel.drain(0);
