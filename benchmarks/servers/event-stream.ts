// A response of eventStream for each listener, on node:http: a source that says one thing and then waits until its listener goes.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { eventStream } from '@tidings/server/node';
import { serve } from './commands.ts';

const server = createServer((request, response) => {
  const source = async (stream: {
    readonly signal: AbortSignal;
    send(fields: { data: string }): Promise<void>;
  }): Promise<void> => {
    await stream.send({ data: 'open' });
    await once(stream.signal, 'abort');
  };
  void eventStream(request, response, source, { keepAliveMs: 0 });
});
await serve(server, {});
