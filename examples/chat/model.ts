// Stands in the place of a model: it speaks the protocol of OpenAI's chat completions, and says one thing at a human pace.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

const TOKEN_MS = 60;

/** What it says, whatever it is asked. */
export const ANSWER =
  `An answer under way belongs to nobody’s page. Whoever makes it writes each token into a log first,
then readers get those tokens, from wherever they last were. So closing your laptop loses nothing: when you return, this
very sentence stands complete, without any piece doubled. Another tab follows along live; both show identical text. If
some machine dies halfway, its lease runs out within three seconds, and everyone sees that it broke off there. Pressing
stop aborts the model’s own request, even if different hardware holds that connection. Nothing here needs Redis, sticky
sessions or luck.`.replaceAll('\n', ' ');

/** How many requests there are, and what has become of the others. */
export interface ModelCounts {
  underWay: number;
  finished: number;
  aborted: number;
}

/** What comes before a token, by its number from 0. It rejects when the request was aborted. */
type Pause = (token: number, signal: AbortSignal) => Promise<unknown>;

/**
 * @param pause what comes before each token. @default 60 ms
 * @returns the server, not listening yet, and its counts
 */
export function createModel(pause: Pause = (_, signal) => setTimeout(TOKEN_MS, undefined, { signal })): {
  readonly server: Server;
  readonly counts: Readonly<ModelCounts>;
} {
  const counts: ModelCounts = { underWay: 0, finished: 0, aborted: 0 };
  const server = createServer((request, response) => void answer(request, response, counts, pause));
  return { server, counts };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  counts: ModelCounts,
  pause: Pause,
): Promise<void> {
  const { model } = (await json(request)) as { readonly model: string };
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const send = (delta: object, finish_reason: 'stop' | null): void => {
    const choices = [{ index: 0, delta, finish_reason }];
    const chunk = { id, object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model, choices };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  counts.underWay += 1;
  try {
    send({ role: 'assistant', content: '' }, null);
    for (const [token, content] of (ANSWER.match(/\S+\s*/g) ?? []).entries()) {
      await pause(token, gone.signal);
      send({ content }, null);
    }
    send({}, 'stop');
    response.end('data: [DONE]\n\n');
    await once(response, 'finish');
    counts.finished += 1;
  } catch {
    counts.aborted += 1;
  } finally {
    counts.underWay -= 1;
  }
}
