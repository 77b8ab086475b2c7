// Serves sources whose next event is always there: `/{source}` is a stream, `/returned` the names of the sources that were returned. The first argument
// is the kind of the server. Tells its port.
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { Channel, eventStream as fetchEventStream, type EventStreamSource } from '@tidings/server';
import { createServer as createStreamServer, eventStream, respond } from '@tidings/server/node';
import { Readable } from 'node:stream';

const returned: string[] = [];

async function* busy(name: string, make: () => string): AsyncGenerator<{ data: string }> {
  try {
    for (;;) yield { data: make() };
  } finally {
    returned.push(name);
  }
}

/** Keeps the processor busy for as long as an event of a program may take to make. */
function work(): string {
  const until = performance.now() + 5;
  while (performance.now() < until);
  return 'made';
}

const channel = new Channel();

const SOURCES: Readonly<Record<string, EventStreamSource>> = {
  small: () => busy('small', () => 'x'),
  large: () => busy('large', () => 'x'.repeat(64 * 1024)),
  slow: () => busy('slow', work),
  stream: () =>
    new ReadableStream(
      {
        pull: (controller) => controller.enqueue({ data: 'x' }),
        cancel: () => void returned.push('stream'),
      },
      { highWaterMark: 0 },
    ),
  callback: async (stream) => {
    while (!stream.signal.aborted) await stream.send({ data: 'x' });
    returned.push('callback');
  },
  deaf: async (stream) => {
    let isOver = false;
    stream.signal.addEventListener('abort', () => {
      isOver = true;
      returned.push('deaf');
    });
    // It goes on for a while after its listener has gone.
    for (let left = 1000; left > 0; left -= isOver ? 1 : 0) await stream.send({ data: 'x' });
  },
};

const [, , kind = 'http'] = process.argv;

const handle: RequestListener = (request, response) => {
  const name = (request.url ?? '').slice(1);
  const source = SOURCES[name];
  if (name === 'returned') response.end(returned.join());
  else if (name === 'channel') void publishing(request, response);
  else if (!source) response.writeHead(404).end();
  else if (kind !== 'fetch') void eventStream(request, response, source);
  else {
    const left = new AbortController();
    response.on('close', () => left.abort());
    const { body } = fetchEventStream(new Request(`http://localhost/${name}`, { signal: left.signal }), source);
    Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
      .on('error', () => {})
      .pipe(response);
  }
};

/** Publishes for as long as there is a listener. */
async function publishing(...[request, response]: Parameters<RequestListener>): Promise<void> {
  await respond(channel, request, response);
  while (channel.listeners > 0) await channel.publish({ data: 'x' });
  returned.push('channel');
}

const MAKE = { http: createServer, tidings: createStreamServer, fetch: createServer };
const server = kind === 'http2' ? createHttp2Server(handle as never) : MAKE[kind as keyof typeof MAKE](handle);
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
