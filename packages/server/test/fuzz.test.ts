import { once } from 'node:events';
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http';
import { Channel, ServerError } from '@tidings/server';
import { createServer as createStreamServer, eventStream, respond } from '@tidings/server/node';
import { EventStreamDecoder, EventStreamError, type EventFields, type EventMessage } from '@tidings/wire';
import { expect, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';
import { deferred } from './deferred.ts';
import { sample, type Door } from './fuzz-fields.ts';
import { TestServer } from './test-server.ts';

const CASES = 1500;
const MARKER = 'fuzz-marker';

/** Everything that a stretch of a stream holds, its marker included. */
interface Stretch {
  readonly events: EventMessage[];
  readonly ids: string[];
  readonly retries: number[];
  readonly comments: string[];
}

function emptyStretch(): Stretch {
  return { events: [], ids: [], retries: [], comments: [] };
}

/** Takes a response apart behind each marker, up to the last one. */
async function readStretches(response: IncomingMessage, last: number): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  let current = emptyStretch();
  const decoder = new EventStreamDecoder({
    onEvent(event) {
      current.events.push(event);
      if (event.type !== MARKER) return;
      stretches.push(current);
      current = emptyStretch();
    },
    onId: (id) => current.ids.push(id),
    onRetry: (retry) => current.retries.push(retry),
    onComment: (comment) => current.comments.push(comment),
  });
  for await (const chunk of response) {
    decoder.write(chunk as Buffer);
    if (stretches.length > last) break;
  }
  return stretches;
}

/** What became of a sample that was passed in. */
interface Run {
  /** Of each case: the error, where it was refused. */
  readonly errors: unknown[];
  /** Of each case: what must arrive. */
  readonly expected: Stretch[];
}

/**
 * Passes a sample in, with a marker before the first and behind each.
 * @param send gives the id that the server gave the event, if it gave one
 */
async function passIn(
  seed: number,
  door: Door,
  send: (fields: EventFields) => Promise<string | undefined>,
): Promise<Run> {
  const run: Run = { errors: [], expected: [] };
  await send({ event: MARKER, data: '0', id: 'the-first-marker' });
  let lastEventId = 'the-first-marker';
  for (const [index, { make, written }] of sample(seed, CASES).entries()) {
    const stretch = emptyStretch();
    const add = (type: string, data: string | undefined, id: string | undefined): void => {
      lastEventId = id ?? lastEventId;
      if (id !== undefined) stretch.ids.push(id);
      if (data !== undefined) stretch.events.push({ type, data, lastEventId });
    };
    const model = written(door);
    try {
      const given = await send(make() as EventFields);
      run.errors.push(undefined);
      if (model) add(model.type, model.data, model.id ?? given);
    } catch (error) {
      run.errors.push(error);
    }
    if (model?.retry !== undefined) stretch.retries.push(model.retry);
    stretch.comments.push(...(model?.comments ?? []));
    const marker = { event: MARKER, data: String(index + 1) };
    add(MARKER, marker.data, await send(marker));
    run.expected.push(stretch);
  }
  return run;
}

/** Compares case by case, so that the one that differs is named. */
function expectSame(seed: number, door: Door, { errors, expected }: Run, arrived: Stretch[]): void {
  let refused = 0;
  for (const [index, { title, written }] of sample(seed, CASES).entries()) {
    const name = `case ${index} of seed ${seed}: ${title()}`;
    const model = written(door);
    if (!model) refused += 1;
    const refusal = model ? undefined : REFUSALS[door];
    // The first stretch is what the stream begins with.
    expect({ name, error: errors[index], arrived: arrived[index + 1] }).toEqual({
      name,
      error: refusal,
      arrived: expected[index],
    });
  }
  expect(arrived).toHaveLength(expected.length + 1);
  // Neither all nor nothing, or this would test little.
  expect(refused).toBeGreaterThan(CASES / 20);
  expect(refused).toBeLessThan((CASES * 19) / 20);
}

// What was attempted or found comes first, and no full stop comes last.
const MESSAGE = expect.stringMatching(/^[A-Z][^]{20,}[^.\s]$/);
const REFUSALS: Readonly<Record<Door, unknown>> = {
  eventStream: expect.objectContaining({ name: EventStreamError.name, code: 'ERR_INVALID_FIELD', message: MESSAGE }),
  Channel: expect.objectContaining({ name: ServerError.name, code: 'ERR_INVALID_EVENT', message: MESSAGE }),
};

async function listen(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return response;
}

const SERVERS = { 'node:http': createHttpServer, 'a server of @tidings/server/node': createStreamServer } as const;
const NAMES = Object.keys(SERVERS) as (keyof typeof SERVERS)[];

test.each(NAMES)('whatever is sent to a response on %s is refused, or arrives as this one event', async (name) => {
  const seed = SEED;
  const ran = deferred<Run>();
  await using server = await TestServer.listen(
    (request, response) => {
      const outcome = eventStream(request, response, (stream) => {
        ran.resolve(
          passIn(seed, 'eventStream', async (fields) => {
            await stream.send(fields);
            return undefined;
          }),
        );
      });
      outcome.catch(ran.reject);
    },
    'tcp',
    SERVERS[name],
  );
  const arrived = await readStretches(await listen(server.url), sample(seed, CASES).length);
  expectSame(seed, 'eventStream', await ran.promise, arrived);
});

test.each(NAMES)('whatever is published to a channel on %s is refused, or arrives as this one event', async (name) => {
  const seed = SEED;
  // Nothing may be lost to a listener that is slow for a moment.
  const channel = new Channel({ history: { maxEvents: 10 * CASES } });
  await using server = await TestServer.listen(
    (request, response) => void respond(channel, request, response),
    'tcp',
    SERVERS[name],
  );
  const reading = readStretches(await listen(server.url), sample(seed, CASES).length);
  const run = await passIn(seed, 'Channel', (fields) => channel.publish(fields));
  expectSame(seed, 'Channel', run, await reading);
});
