import { decodeEventStream, type EventMessage, EXPIRED_TYPE, HEARTBEAT_TYPE } from '@tidings/wire';
import { codeOf } from '../store/run-over.ts';
import { AGAIN_MS, againMs } from './hub-away.ts';
import { bytesOf } from './hub-body.ts';
import { abortWith, type HubConnection } from './hub-connection.ts';

// A hub is never silent for longer than 15 seconds, unless configured otherwise (PROTOCOL §5.5). A connection that is silent for longer is dead.
const SILENT_MS = 60_000;

/** How often it is looked whether the topic is still there while no events come, in milliseconds: less than the 15 seconds after which a hub breaks its silence. */
const LOOK_MS = 10_000;

/** For how long a hub is tried again that streams nothing, in milliseconds: longer than a restart takes. Behind it whoever waits is told. */
export const AWAY_MS = 60_000;

/** The longest that it waits before it asks a hub again that is away, in milliseconds: many readers that wait must not keep it from coming back. */
const MAX_AGAIN_MS = 1000;

/** What another attempt would not change. */
const FINAL: ReadonlySet<unknown> = new Set(['ERR_FORBIDDEN', 'ERR_HUB', 'ERR_INVALID_OPTION']);

export interface HubEventsOptions {
  readonly connection: HubConnection;
  readonly topic: string;
  /** Begin behind this cursor, or with `earliest`; with events that are published from now on if it is empty. */
  readonly lastEventId: string;
  readonly signal: AbortSignal;
  /** Asked when a stream has been opened, and while no events come, so that nobody waits for a topic that was deleted or forgotten: whether it is there. */
  readonly isThere: () => Promise<boolean>;
}

/**
 * The events of one topic as a hub streams them, without what it tells of the stream itself, over as many connections as it takes. It ends when the topic is closed and read, when it is not there, and with the
 * signal.
 * @throws {ServerError} (as a rejection) `ERR_STORE_AWAY` if the hub is away for a minute, and what it refuses
 */
export async function* hubEvents(options: HubEventsOptions): AsyncGenerator<EventMessage, void, undefined> {
  const { connection, topic, signal } = options;
  let { lastEventId } = options;
  let heardAt = connection.clock.now();
  let usualMs = AGAIN_MS;
  while (!signal.aborted) {
    const stream = new AbortController();
    const release = abortWith(stream, signal);
    let looked: Promise<boolean> | undefined;
    let isOpen = false;
    let failure: unknown;
    try {
      const response = await openStream(connection, topic, lastEventId, stream);
      // A topic that is closed and read.
      if (response.status === 204 || !response.body) return;
      isOpen = true;
      let lookAt = 0;
      const onBytes = (): void => {
        const now = connection.clock.now();
        if (now < lookAt) return;
        lookAt = now + LOOK_MS;
        looked = look(options, stream);
        // Nobody waits for it where the consumer breaks off.
        looked.catch(() => {});
      };
      onBytes();
      for await (const event of decodeEventStream(watched(response.body, connection, stream, onBytes))) {
        lastEventId = event.lastEventId;
        // When the rights have expired the stream ends, and the next one is asked for with header fields of then.
        if (event.type === HEARTBEAT_TYPE || event.type === EXPIRED_TYPE) continue;
        yield event;
        lookAt = connection.clock.now() + LOOK_MS;
      }
    } catch (error) {
      if (signal.aborted) return;
      failure = error;
      if (FINAL.has(codeOf(error))) throw error;
      if (!isOpen && connection.clock.now() - heardAt >= AWAY_MS) throw error;
    } finally {
      // Also if the consumer breaks off.
      stream.abort();
      release();
    }
    if (isOpen) {
      heardAt = connection.clock.now();
      usualMs = AGAIN_MS;
    }
    if (looked && !(await looked)) return;
    const leftMs = AWAY_MS - (connection.clock.now() - heardAt);
    await connection.pause(signal, againMs(failure, { ms: AWAY_MS, leftMs, usualMs }));
    usualMs = Math.min(2 * usualMs, MAX_AGAIN_MS);
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
  abort: AbortController,
): Promise<Response> {
  const from: Record<string, string> = lastEventId === '' ? {} : { lastEventId };
  return await connection.open({
    method: 'GET',
    query: { ...from, match: topic },
    headers: { Accept: 'text/event-stream' },
    abort,
  });
}

/** The bytes of a body, until it has been silent for too long: then the stream is aborted. @param onBytes is called when some have come */
async function* watched(
  body: ReadableStream<Uint8Array>,
  { clock }: HubConnection,
  stream: AbortController,
  onBytes: () => void,
): AsyncGenerator<Uint8Array> {
  const listen = (): unknown => clock.setTimeout(() => stream.abort(), SILENT_MS);
  let timer = listen();
  try {
    for await (const bytes of bytesOf(body, stream.signal)) {
      clock.clearTimeout(timer);
      onBytes();
      yield bytes;
      timer = listen();
    }
  } finally {
    clock.clearTimeout(timer);
  }
}
