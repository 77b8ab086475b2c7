import { signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import type { EventMessage } from '@tidings/client';
import { newestUrl, streamUrl } from './address.ts';
import type { Start } from './address.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import type { Connection, ConnectionInput } from './connection.ts';
import { appendRows, EMPTY_FEED, MAX_ROWS, readRow } from './feed.ts';
import type { Feed, FeedRow } from './feed.ts';
import { oncePerFrame } from './frame.ts';
import { LiveStream } from './live-stream.ts';
import { fetchInPlace } from './places.ts';

/** Rows added in one frame, so that the page answers to its person while 2,000 arrive at once. */
const ROWS_PER_FRAME = 250;

/** A topic that is open: its history and what arrives, in one stream. Signals change once per frame at most. */
export class TopicFeed {
  readonly topic: string;
  readonly #base: string;
  readonly #feed: Signal<Feed> = signal(EMPTY_FEED);
  readonly #monitor = new ConnectionMonitor();
  readonly #start: Signal<Start> = signal('newest');
  readonly #frame = oncePerFrame(() => this.#show());
  #stream: LiveStream;
  #arrived: FeedRow[] = [];
  #nextKey = 1;
  #caughtUp = 0;
  /** Events up to this time on the hub's clock were missed, in milliseconds since 1970. Undefined before the first return. */
  #missedUntil: number | undefined;

  constructor(base: string, topic: string) {
    this.#base = base;
    this.topic = topic;
    this.#stream = this.#open();
  }

  /** The URL of its stream. */
  get address(): string {
    return streamUrl(this.#base, this.topic);
  }

  get feed(): ReadonlySignal<Feed> {
    return this.#feed;
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#monitor.connection;
  }

  get start(): ReadonlySignal<Start> {
    return this.#start;
  }

  /** Begins again with the earliest event that the hub keeps. */
  showEverything(): void {
    this.#clear();
    this.#start.value = 'earliest';
    this.#feed.value = EMPTY_FEED;
    this.#stream = this.#open();
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  /** Gives the connection up until {@link resume}. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    this.#clear();
  }

  #clear(): void {
    this.#stream.close();
    this.#frame.cancel();
    this.#monitor.reset();
    this.#arrived = [];
    this.#caughtUp = 0;
    this.#missedUntil = undefined;
  }

  #open(): LiveStream {
    const begin =
      this.#start.peek() === 'earliest'
        ? { lastEventId: 'earliest' }
        : { positionUrl: newestUrl(this.#base, this.topic) };
    return new LiveStream(
      { url: this.address, fetch: fetchInPlace, ...begin },
      {
        onEvent: (event) => this.#receive(event),
        onConnection: (input, offset) => this.#connect(input, offset),
      },
    );
  }

  #connect(input: ConnectionInput, offset: number): void {
    this.#monitor.take(input);
    if (input.kind !== 'open') return;
    this.#caughtUp = 0;
    const { returnedAt } = this.#monitor.connection.peek();
    if (returnedAt !== undefined) this.#missedUntil = returnedAt + offset;
  }

  #receive(event: EventMessage): void {
    this.#arrived.push(this.#markMissed(readRow(event, this.#nextKey)));
    this.#nextKey += 1;
    // Between two frames no more is kept than could be shown.
    if (this.#arrived.length > MAX_ROWS) this.#feed.value = this.#take(MAX_ROWS);
    this.#frame.request();
  }

  #markMissed(row: FeedRow): FeedRow {
    if (row.kind === 'gap' || row.time === undefined || this.#missedUntil === undefined) return row;
    if (Date.parse(row.time) > this.#missedUntil) return row;
    this.#caughtUp += 1;
    return { ...row, missed: true };
  }

  #show(): void {
    this.#feed.value = this.#take(document.hidden ? MAX_ROWS : ROWS_PER_FRAME);
    if (this.#arrived.length > 0) this.#frame.request();
    if (this.#caughtUp === 0) return;
    this.#monitor.take({ kind: 'caught-up', events: this.#caughtUp });
    this.#caughtUp = 0;
  }

  #take(most: number): Feed {
    return appendRows(this.#feed.peek(), this.#arrived.splice(0, most));
  }
}
