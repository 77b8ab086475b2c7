import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import type { Example } from '../site/example.ts';
import { serveAlone } from '../site/serve.ts';

/** The time is the same for everyone, so all listeners share one channel. Past times are not kept. */
const messages = new Channel({ history: false });

/** Publishes a plain message and a named event with a comment before it. What is published at once leaves in one write. */
async function publish(): Promise<void> {
  const now = new Date();
  await Promise.all([
    messages.publish({ data: now.toLocaleTimeString() }),
    messages.publish({ comment: 'This is a comment', event: 'myEvent', data: now.toLocaleString() }),
  ]);
}

setInterval(() => void publish(), 1000).unref();

export const sendMessage: Example = {
  name: 'send-message',
  pages: { '': 'index.html' },
  streams: { sendMessage: (request, response) => respond(messages, request, response) },
  otherwise: 'page',
};

if (import.meta.main) await serveAlone(sendMessage, 4140);
