import type { IncomingMessage } from 'node:http';
import { PostgresLog } from '@tidings/postgres';
import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import type { Answer, Example } from '../site/example.ts';
import { reply } from '../site/reply.ts';
import { serveAlone } from '../site/serve.ts';

// What one person may say at once. A longer text is refused before it is in memory.
const MAX_CHARS = 10_000;

/** Publishes what was sent, and answers when it is in the database. */
function say(channel: Channel): Answer {
  return async (request, response) => {
    if (request.method !== 'POST') return reply(response, 405, 'Use POST.\n', { Allow: 'POST' });
    let text = '';
    for await (const part of (request as IncomingMessage).setEncoding('utf8')) {
      text += String(part);
      if (text.length > MAX_CHARS) return reply(response, 413, `At most ${MAX_CHARS} characters.\n`);
    }
    await channel.publish({ data: text });
    reply(response, 200, `${channel.lastEventId}\n`);
  };
}

/** One of several servers that share a log: whoever listens to one gets what is said to any. */
export function twoServers(log: PostgresLog): { readonly example: Example; readonly channel: Channel } {
  const channel = new Channel({ log, topic: 'chat' });
  const example: Example = {
    name: 'two-servers',
    pages: { '': 'index.html' },
    streams: { events: (request, response) => respond(channel, request, response), say: say(channel) },
  };
  return { example, channel };
}

if (import.meta.main) {
  const url = process.env['DATABASE_URL'] ?? 'postgres://127.0.0.1/postgres';
  const log = await PostgresLog.open({ url });
  const { example, channel } = twoServers(log);
  process.once('SIGTERM', () => {
    void (async () => {
      // The listeners go to the other server.
      await channel.drain(1000);
      await log.close();
      process.exit();
    })();
  });
  await serveAlone(example, 4160);
}
