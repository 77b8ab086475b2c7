import { Channel } from '@tidings/server';
import { EVENT_STREAM_HEADERS, SharedChunk } from '@tidings/server/live';
import { eventStream, respond, startResponse } from '@tidings/server/node';
import { setTimeout } from 'node:timers/promises';
import type { EventFields } from '@tidings/wire';
import { crossOrigin, isOurs } from '../site/cross-origin.ts';
import type { Answer, Example } from '../site/example.ts';
import { reply } from '../site/reply.ts';
import { serveAlone } from '../site/serve.ts';

const CORS = { origins: isOurs, credentials: true };

/**
 * A reconnection time of its own, then three numbers and a `bye`, one a second, and the response is broken off. A listener that comes back
 * gets the three numbers after its last event ID. It is written line by line, so that the ids follow the data.
 */
const digits: Answer = (request, response) => {
  const last = Number(/^\d{1,15}$/.exec(String(request.headers['last-event-id']))?.[0] ?? 0);
  const blocks = [1, 2, 3].map((step) => `data: ${last + step}\nid: ${last + step}\n\n`);
  blocks.push('event: bye\ndata: bye-bye\n\n');
  const stream = startResponse(response, 200, EVENT_STREAM_HEADERS);
  stream.write(SharedChunk.fromText('retry: 1000\n\n'));
  const timer = setInterval(() => {
    const block = blocks.shift();
    if (block === undefined) stream.destroy();
    else stream.write(SharedChunk.fromText(block));
  }, 1000);
  stream.onClose = () => clearInterval(timer);
};

const VISIT = [{ event: 'join', data: 'Bob' }, { data: 'Hello' }, { event: 'leave', data: 'Bob' }];

/** Messages of the chat go to all listeners, and are kept for listeners that were away. */
const room = new Channel({ history: { maxEvents: 100 }, cors: CORS });
let isBobThere = false;

/** While anybody listens, Bob comes, says hello and leaves, a step a second. */
async function letBobVisit(): Promise<void> {
  if (isBobThere) return;
  isBobThere = true;
  do {
    for (const step of VISIT) {
      await setTimeout(1000);
      await room.publish(step);
    }
  } while (room.listeners > 0);
  isBobThere = false;
}

const chat: Answer = async (request, response) => {
  await respond(room, request, response);
  await letBobVisit();
};

/** Counts a browser's visits with a cookie. To another origin it travels only with credentials, so without them each is the first. */
const visits: Answer = (request, response) => {
  const visit = 1 + Number(/\bvisits=(\d{1,9})\b/.exec(request.headers.cookie ?? '')?.[1] ?? 0);
  const cookie = `visits=${visit}; Max-Age=60; HttpOnly; Secure; SameSite=None; Partitioned`;
  const source = async function* (): AsyncGenerator<EventFields> {
    yield { retry: 1000, data: `visit ${visit}` };
  };
  return eventStream(request, response, source, { cors: CORS, headers: { 'Set-Cookie': cookie } });
};

const redirect = (status: number): Answer => {
  return (_request, response) => reply(response, status, '', { Location: 'digits' });
};

export const reconnect: Example = {
  name: 'reconnect',
  pages: { '': 'index.html' },
  streams: {
    digits: crossOrigin(digits),
    chat,
    visits,
    stop: crossOrigin((_request, response) => reply(response, 204, '')),
    moved: crossOrigin(redirect(301)),
    temporary: crossOrigin(redirect(307)),
    'wrong-type': crossOrigin((_request, response) => reply(response, 200, 'data: not an event stream\n\n')),
  },
};

if (import.meta.main) await serveAlone(reconnect, 4130);
