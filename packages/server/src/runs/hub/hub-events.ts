import { decodeEventStream, type EventMessage, HEARTBEAT_TYPE } from '@tidings/wire';
import { codeOf } from '../store/run-over.ts';
import type { HubConnection } from './hub-connection.ts';

// A hub is never silent for longer than 15 seconds, unless configured otherwise (PROTOCOL §5.5). A connection that is silent for longer is dead.
const SILENT_MS = 60_000;

export interface HubEventsOptions {
  readonly connection: HubConnection;
  readonly topic: string;
  /** Begin behind this cursor, or with `earliest`; with events that are published from now on if it is empty. */
  readonly lastEventId: string;
  readonly signal: AbortSignal;
  /** Asked whenever a stream has been opened, so that nobody waits for a topic that was deleted before: whether it is there. */
  readonly isThere: () => Promise<boolean>;
}

/**
 * The events of one topic as a hub streams them, heartbeats left out, over as many connections as it takes. It ends when the topic is closed and read, when it is not there, and with the
 * signal.
 */
export async function* hubEvents(options: HubEventsOptions): AsyncGenerator<EventMessage, void, undefined> {
  const { connection, topic, signal } = options;
  let { lastEventId } = options;
  while (!signal.aborted) {
    const stream = new AbortController();
    const ended = AbortSignal.any([signal, stream.signal]);
    let looked: Promise<boolean> | undefined;
    try {
      const response = await openStream(connection, topic, lastEventId, ended);
      // A topic that is closed and read.
      if (response.status === 204 || !response.body) return;
      looked = look(options, stream);
      // Nobody waits for it where the consumer breaks off.
      looked.catch(() => {});
      for await (const event of decodeEventStream(watched(response.body, connection))) {
        lastEventId = event.lastEventId;
        if (event.type !== HEARTBEAT_TYPE) yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const code = codeOf(error);
      if (code === 'ERR_FORBIDDEN' || code === 'ERR_HUB') throw error;
    } finally {
      // Also if the consumer breaks off.
      stream.abort();
    }
    if (looked && !(await looked)) return;
    await connection.pause(signal);
  }
}

/** Ends a stream whose topic is not there. Resolves to whether it is, as far as is known. */
async function look({ isThere, signal }: HubEventsOptions, stream: AbortController): Promise<boolean> {
  try {
    if (await isThere()) return true;
  } catch (error) {
    if (signal.aborted || codeOf(error) === 'ERR_STORE_AWAY') return true;
    stream.abort();
    throw error;
  }
  stream.abort();
  return false;
}

async function openStream(
  connection: HubConnection,
  topic: string,
  lastEventId: string,
  signal: AbortSignal,
): Promise<Response> {
  const from: Record<string, string> = lastEventId === '' ? {} : { lastEventId };
  return await connection.open({
    method: 'GET',
    query: { ...from, match: topic },
    headers: { Accept: 'text/event-stream' },
    signal,
  });
}

/** The bytes of a body, until it has been silent for too long. */
async function* watched(body: ReadableStream<Uint8Array>, { clock }: HubConnection): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let timer: unknown;
  try {
    for (;;) {
      timer = clock.setTimeout(() => {
        reader.cancel(new Error('The hub is silent')).catch(() => {});
      }, SILENT_MS);
      const { done, value } = await reader.read();
      clock.clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } finally {
    clock.clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}
