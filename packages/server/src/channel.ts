import type { EventFields } from '@tidings/wire';
import { bodySink } from './body-sink.ts';
import type { View } from './cohort.ts';
import { ServerError } from './errors.ts';
import { FanOut, type FanOutOptions } from './fan-out.ts';
import { EVENT_STREAM_HEADERS } from './head.ts';
import type { EventLog } from './log.ts';
import { MemoryLog } from './memory-log.ts';
import type { Retention } from './retention.ts';
import type { Sink } from './sink.ts';
import { findStart, type Start } from './start.ts';

export interface ChannelOptions extends Omit<FanOutOptions, 'schedule'> {
  /** What a listener that comes back can still be given. @default 1,000 events and 16 MiB */
  readonly history?: Retention;
  /** Where the events are kept. @default a MemoryLog with `history` */
  readonly log?: EventLog;
  /** Header fields of every response beside those of an event stream. @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer to a listener before its first byte: a head, and for a stream what starts it. */
export interface ChannelAnswer {
  readonly status: 200 | 204;
  readonly headers: Readonly<Record<string, string>>;
  readonly start?: (sink: Sink) => void;
}

const TOPIC = 'channel';
const VIEW: View = { key: TOPIC, selection: { topics: [TOPIC], private: true } };

/** Events for any number of listeners, each of which can come back and go on where it was. */
export class Channel {
  readonly #log: EventLog;
  readonly #fanOut: FanOut;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #sweeper: ReturnType<typeof setInterval> | undefined;
  /** Settles when every event so far has been stored or refused. */
  #stored: Promise<void> = Promise.resolve();
  #finalSeq: number | undefined;
  #closing = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: ChannelOptions = {}) {
    const history = options.history ?? { maxEvents: 1000, maxBytes: 16 * 1024 * 1024 };
    this.#log = options.log ?? new MemoryLog({ retention: history });
    this.#fanOut = new FanOut(this.#log, options);
    this.#headers = { ...EVENT_STREAM_HEADERS, ...options.headers };
    const { keepAliveMs = 15_000 } = options;
    if (keepAliveMs === 0) return;
    this.#sweeper = setInterval(() => this.#fanOut.sweep(), keepAliveMs / 4);
    // A channel that nobody uses any more must not keep the process alive.
    if (typeof this.#sweeper === 'object') this.#sweeper.unref();
  }

  /** Listeners now. */
  get listeners(): number {
    return this.#fanOut.listeners;
  }

  /**
   * Sends an event to every listener. Resolves to its id when it has been stored.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_EVENT`, `ERR_NOT_STORED`, `ERR_CLOSED`
   */
  async publish(fields: EventFields): Promise<string> {
    if (this.#closing) throw new ServerError('ERR_CLOSED', 'Cannot publish: the channel has been closed');
    const append = this.#log.append([{ topics: [TOPIC], fields }]);
    this.#stored = Promise.allSettled([this.#stored, append]).then(() => {});
    const { id } = await append;
    return id;
  }

  /** Decides the answer to a listener that sent this last event ID. */
  async answer(lastEventId: string | undefined): Promise<ChannelAnswer> {
    const start: Start = await findStart(this.#log, VIEW.selection, { lastEventId });
    const complete = this.#finalSeq !== undefined && (start.type === 'now' || start.after >= this.#finalSeq);
    // 204 is how a server tells an EventSource to stop. [spec] 9.2.3
    if (complete) return { status: 204, headers: {} };
    return { status: 200, headers: this.#headers, start: (sink) => this.#fanOut.subscribe(sink, VIEW, start) };
  }

  /** Lets a listener in: a Response with the events behind its `Last-Event-ID`, else those from now on. */
  async respond(request: Request): Promise<Response> {
    const { status, headers, start } = await this.answer(request.headers.get('last-event-id') ?? undefined);
    if (!start) return new Response(null, { status });
    const { body, sink } = bodySink(request.signal);
    start(sink);
    return new Response(body, { status, headers });
  }

  /**
   * Ends the channel, with a last event where one is given: every listener gets all of it, then its response ends; one that comes
   * back with the last event's id is answered 204. Listeners that are behind can still come back for the rest.
   * @throws {ServerError} (as a rejection) what {@link publish} throws; the channel is then not closed
   */
  async close(final?: EventFields): Promise<void> {
    if (this.#closing) return;
    const last = final ? this.publish(final) : undefined;
    this.#closing = true;
    try {
      await last;
    } catch (error) {
      // The last word was refused: the channel goes on, and can be closed with another.
      this.#closing = false;
      throw error;
    }
    await this.#stored;
    this.#finalSeq = this.#log.head().seq;
    this.#fanOut.finish(this.#finalSeq);
  }

  /**
   * Sends every listener away, those to come included, to come back after 1 s to 1 s + `windowMs`, and closes the log.
   * @param windowMs milliseconds
   */
  async drain(windowMs = 5000): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweeper);
    this.#fanOut.drain(windowMs);
    await this.#log.close();
  }
}
