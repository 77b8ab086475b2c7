import { EVENT_STREAM_HEADERS, SharedChunk } from '@tidings/server/live';
import { startResponse } from '@tidings/server/node';
import { encodeEvent } from '@tidings/wire';
import type { Answer, Example } from '../site/example.ts';
import { reply } from '../site/reply.ts';
import { serveAlone } from '../site/serve.ts';

/** The time, and the end: the browser comes back for the next one after the reconnection time. Both messages are one write. */
const event: Answer = (_request, response) => {
  const stream = startResponse(response, 200, { ...EVENT_STREAM_HEADERS, 'Access-Control-Allow-Origin': '*' });
  const time = encodeEvent({ event: 'cur_time', retry: 10_000, data: JSON.stringify({ time: Date.now() }) });
  const goodbye = encodeEvent({ data: 'See you in ten seconds' });
  stream.write(SharedChunk.fromText(time + goodbye));
  stream.end();
};

export const clock: Example = {
  name: 'clock',
  pages: { '': 'index.html' },
  streams: { event },
  otherwise: (_request, response) => reply(response, 200, 'Hello World!\n'),
};

if (import.meta.main) await serveAlone(clock, 4110);
