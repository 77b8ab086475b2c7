// A Channel on node:http. The argument is the data of its events.

import { createServer } from 'node:http';
import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { serve } from './commands.ts';

const data = process.argv[2] ?? '';
const channel = new Channel({ keepAliveMs: 0 });
const server = createServer((request, response) => void respond(channel, request, response));
await serve(server, {
  publish(count) {
    for (let i = 0; i < Number(count); i += 1) void channel.publish({ data });
  },
});
await channel.drain(0);
