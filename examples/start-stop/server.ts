import { once } from 'node:events';
import { setInterval, setTimeout } from 'node:timers/promises';
import { eventStream, type EventStreamHandle } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';
import type { Example } from '../site/example.ts';
import { serveAlone } from '../site/serve.ts';

const OPTIONS = { cors: { origins: '*' } } as const;

/** The date, every second, until the listener leaves. */
async function* currentTime({ signal }: EventStreamHandle): AsyncGenerator<EventFields> {
  for await (const _ of setInterval(1000, undefined, { signal })) yield { data: String(new Date()) };
}

/** A name after one second, an age after two. */
async function* people({ signal }: EventStreamHandle): AsyncGenerator<EventFields> {
  await setTimeout(1000, undefined, { signal });
  yield { event: 'name', data: 'Alice' };
  await setTimeout(1000, undefined, { signal });
  yield { event: 'age', data: '24' };
  // A source that ended would end the response, and the page would come back for the same again.
  await once(signal, 'abort');
}

export const startStop: Example = {
  name: 'start-stop',
  pages: { '': 'index.html', 'people.html': 'people.html' },
  streams: {
    currentTime: (request, response) => eventStream(request, response, currentTime, OPTIONS),
    people: (request, response) => eventStream(request, response, people, OPTIONS),
  },
};

if (import.meta.main) await serveAlone(startStop, 4120);
