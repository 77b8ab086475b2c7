// A Channel on node:http. The arguments are the data of its events, and `compression` where it may be coded.

import { createServer } from 'node:http';
import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { serve } from './commands.ts';

const [, , data = '', compression] = process.argv;
const channel = new Channel({ keepAliveMs: 0, compression: compression === 'compression' });
const server = createServer((request, response) => void respond(channel, request, response));
await serve(server, {
  publish(count, text = data) {
    for (let i = 0; i < Number(count); i += 1) void channel.publish({ data: text });
  },
  /** Publishes one event, and answers its id. */
  cursor: () => channel.publish({ data }),
});
await channel.drain(0);
