import { decodeEventStream, type EventMessage } from '@tidings/wire';
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
  /** Decides whether to come back after a stream has ended, whole or not. */
  readonly goesOn: () => Promise<boolean>;
}

/**
 * The events of one topic as a hub streams them, heartbeats left out, over as many connections as it takes. It ends when the topic is closed and read, with the signal, and when `goesOn`
 * says so.
 */
export async function* hubEvents(options: HubEventsOptions): AsyncGenerator<EventMessage, void, undefined> {
  const { connection, topic, signal, goesOn } = options;
  let { lastEventId } = options;
  while (!signal.aborted) {
    try {
      const response = await openStream(connection, topic, lastEventId, signal);
      // A topic that is closed and read.
      if (response.status === 204 || !response.body) return;
      for await (const event of decodeEventStream(watched(response.body, connection))) {
        lastEventId = event.lastEventId;
        if (event.type !== 'tidings-heartbeat') yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const code = codeOf(error);
      if (code === 'ERR_FORBIDDEN' || code === 'ERR_HUB') throw error;
    }
    if (signal.aborted || !(await goesOn())) return;
    await connection.pause(signal);
  }
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
