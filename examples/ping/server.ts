import { randomInt } from 'node:crypto';
import { setInterval } from 'node:timers/promises';
import { eventStream, type EventStreamHandle } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';
import { isOurs } from '../site/cross-origin.ts';
import type { Example } from '../site/example.ts';
import { serveAlone } from '../site/serve.ts';

const OPTIONS = {
  cors: { origins: isOurs, credentials: true },
  // Less than the second between two pings, so that keep-alives can be seen; in earnest there is no need to choose.
  keepAliveMs: 600,
};

/** A second's ping, now and then a plain message, and what people do. Ends when the listener has gone. */
async function* demo({ signal }: EventStreamHandle): AsyncGenerator<EventFields> {
  yield { comment: 'This is a test stream' };
  const people = comeAndGo();
  let untilMessage = randomInt(1, 11);
  for await (const _ of setInterval(1000, undefined, { signal })) {
    const time = new Date().toISOString();
    yield { event: 'ping', data: JSON.stringify({ time }) };
    yield people.next().value;
    untilMessage -= 1;
    if (untilMessage > 0) continue;
    yield { data: `This is a message at time ${time}` };
    untilMessage = randomInt(1, 11);
  }
}

/** Two people and the system, for ever. */
function* comeAndGo(): Generator<EventFields, never> {
  const event = (name: string, fields: Readonly<Record<string, string>>): EventFields => {
    const time = new Date().toLocaleTimeString('en-GB');
    return { event: name, data: JSON.stringify({ ...fields, time }) };
  };
  for (;;) {
    yield event('userconnect', { username: 'bobby' });
    yield { data: "Here's a system message of some kind that will get used\nto accomplish some task." };
    yield event('usermessage', { username: 'bobby', text: 'Hi everyone.' });
    yield event('userdisconnect', { username: 'bobby' });
    yield event('usermessage', { username: 'sean', text: 'Bye, bobby.' });
  }
}

export const ping: Example = {
  name: 'ping',
  pages: { '': 'index.html' },
  streams: { 'sse-demo': (request, response) => eventStream(request, response, demo, OPTIONS) },
};

if (import.meta.main) await serveAlone(ping, 4150);
