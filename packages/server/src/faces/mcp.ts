import { readEvent } from '../audience/event-reader.ts';
import { systemClock } from '../clock.ts';
import { checkNames, ServerError, shown } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { checkLog } from '../log/log-check.ts';
import { gapInPage, knownAfter, type ReadingPlace } from '../log/page-gap.ts';
import type { Selection } from '../log/selection.ts';
import { findStart } from '../log/start.ts';
import { checkTopicPart } from '../runs/store/run-topics.ts';

export interface EventStoreOptions {
  /** The log in which the messages are. How long and how many it keeps is its retention's. */
  readonly log: EventLog;
  /** The id of the session. A store has one, so that nobody is sent messages of another. */
  readonly session: string;
  /** The topic below which the sessions are: a stream `s` of the session `a` is the topic `mcp/a/s`. @default 'mcp' */
  readonly topic?: string | undefined;
}

const OPTIONS: Readonly<Record<keyof EventStoreOptions, true>> = { log: true, session: true, topic: true };

/** The `EventStore` of the MCP SDK's transports for Streamable HTTP. */
export interface EventStore<Message extends object> {
  /** Stores a message. The messages of a stream have the order of the calls. Resolves to the event's id when it is durable. */
  storeEvent(streamId: string, message: Message): Promise<string>;
  /** The stream of an event; undefined if no such event of this session is kept, or not all that followed it: the transport refuses such a request. */
  getStreamIdForEventId(eventId: string): Promise<string | undefined>;
  /**
   * Sends what followed an event in its stream, and nothing of other streams. Resolves to the stream.
   * @throws {ServerError} (as a rejection) `ERR_RUN_BROKEN` if no such event of this session is kept, or not all that followed it, and if `send` does not settle within 30 seconds
   */
  replayEventsAfter(
    eventId: string,
    how: { readonly send: (eventId: string, message: Message) => Promise<void> },
  ): Promise<string>;
}

/** Separates the cursor of an event from its stream, in the event's id. */
const SEPARATOR = '/';
/** It is the last segment of a topic. */
const STREAM_ID = /^[\w.-]+$/;
const PAGE_BYTES = 256 * 1024;
/** Guards what is stored next against a connection that takes nothing, in milliseconds: it waits for the replay. */
const SEND_MS = 30_000;

/**
 * Makes an event store for the transport of one session of an MCP server, with revisions of the protocol up to 2025-11-25. The event that only primes a stream is stored
 * without a message, and not sent again.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 * @example
 * const session = crypto.randomUUID();
 * const eventStore = createEventStore({ log, session });
 * new StreamableHTTPServerTransport({ sessionIdGenerator: () => session, eventStore, retryInterval: 1000 });
 */
export function createEventStore<Message extends object>(options: EventStoreOptions): EventStore<Message> {
  checkNames(options, OPTIONS);
  const { log, session, topic = 'mcp' } = options;
  checkLog('log', log);
  checkTopicPart(session, 'The option session');
  checkTopicPart(topic, 'The option topic');
  const turns = new Turns();
  const topicOf = (streamId: string): string => `${topic}/${session}/${streamId}`;
  return {
    storeEvent(streamId, message) {
      checkStreamId(streamId);
      return turns.take(streamId, async () => {
        // The one that primes a stream has no members.
        const data = Object.keys(message).length === 0 ? '' : JSON.stringify(message);
        const { ids } = await log.append([{ topics: [topicOf(streamId)], fields: { data }, private: true }]);
        return `${ids[0]}${SEPARATOR}${streamId}`;
      });
    },
    async getStreamIdForEventId(eventId) {
      const place = placeOf(eventId);
      if (!place) return undefined;
      const first = await pagesAfter(log, topicOf(place.streamId), place.id).next();
      return first.value === null ? undefined : place.streamId;
    },
    async replayEventsAfter(eventId, { send }) {
      const place = placeOf(eventId);
      if (!place) throw notKept(eventId);
      const { id, streamId } = place;
      // What is stored behind it finds the connection to which it was replayed.
      return await turns.takeAndWait(streamId, async () => {
        for await (const page of pagesAfter(log, topicOf(streamId), id)) {
          if (!page) throw notKept(eventId);
          for (const { id: cursor, data } of page) {
            if (data === '') continue;
            await inTime(send(`${cursor}${SEPARATOR}${streamId}`, JSON.parse(data) as Message), eventId);
          }
        }
        return streamId;
      });
    },
  };
}

/** The pages of a topic behind a place that are stored now; null where events are missing, and if the place is not that of an event that is kept. The first one comes in any case. */
async function* pagesAfter(
  log: EventLog,
  topic: string,
  lastEventId: string,
): AsyncGenerator<readonly { readonly id: string; readonly data: string }[] | null> {
  const selection: Selection = { topics: [topic], private: 'all' };
  const { head } = await log.locateLast(selection, 0);
  const start = await findStart(log, selection, { lastEventId });
  if (start.type !== 'after' || !(await isEvent(log, selection, start.after, lastEventId))) {
    yield null;
    return;
  }
  let place: ReadingPlace = { ...start, position: start.after };
  do {
    const through = Math.max(head, place.position);
    const page = await log.read({ selection, after: place.position, through, maxBytes: PAGE_BYTES });
    yield gapInPage(place, page) ? null : page.entries.map(readEvent);
    place = { position: page.through, ...knownAfter(place, page) };
  } while (place.position < head);
}

/** Whether an id is that of a selected event that is kept. A place in the log has a cursor also where there is none. */
async function isEvent(log: EventLog, selection: Selection, seq: number, id: string): Promise<boolean> {
  if (seq === 0) return false;
  const { entries } = await log.read({ selection, after: seq - 1, through: seq, maxBytes: 1 });
  return entries.some((entry) => readEvent(entry).id === id);
}

/** Waits for what is sent, but not without end. */
async function inTime(sent: Promise<void>, eventId: string): Promise<void> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    timer = systemClock.setTimeout(() => {
      const message = `Cannot replay what followed ${shown(eventId)}: a message was not taken within ${SEND_MS / 1000} seconds`;
      reject(new ServerError('ERR_RUN_BROKEN', message));
    }, SEND_MS);
  });
  try {
    await Promise.race([sent, late]);
  } finally {
    systemClock.clearTimeout(timer);
  }
}

/** One thing after the other, for each stream. */
class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(streamId: string, step: () => Promise<T>): Promise<T> {
    const done = (this.#last.get(streamId) ?? Promise.resolve()).then(step);
    this.#setLast(
      streamId,
      done.catch(() => {}),
    );
    return done;
  }

  /** The same. The next step begins when the caller has gone on with the result. */
  takeAndWait<T>(streamId: string, step: () => Promise<T>): Promise<T> {
    const done = this.take(streamId, step);
    const wait = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));
    this.#setLast(streamId, done.then(wait, wait));
    return done;
  }

  #setLast(streamId: string, over: Promise<unknown>): void {
    this.#last.set(streamId, over);
    void over.then(() => {
      if (this.#last.get(streamId) === over) this.#last.delete(streamId);
    });
  }
}

function placeOf(eventId: string): { readonly id: string; readonly streamId: string } | undefined {
  const at = eventId.indexOf(SEPARATOR);
  const streamId = eventId.slice(at + 1);
  return at > 0 && STREAM_ID.test(streamId) ? { id: eventId.slice(0, at), streamId } : undefined;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkStreamId(streamId: string): void {
  if (STREAM_ID.test(streamId)) return;
  throw new ServerError('ERR_INVALID_OPTION', `The id of a stream is ${shown(streamId)}, but must match ${STREAM_ID}`);
}

function notKept(eventId: string): ServerError {
  const message = `Cannot replay what followed ${shown(eventId)}: no such event of this session is kept, or not all that followed it`;
  return new ServerError('ERR_RUN_BROKEN', message);
}
