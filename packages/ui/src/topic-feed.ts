import { signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import type { EventMessage } from '@tidings/client';
import { newestUrl, streamUrl } from './address.ts';
import type { Start } from './address.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import { COMPLETE, isComplete } from './connection.ts';
import type { Connection, ConnectionInput } from './connection.ts';
import { appendRows, EMPTY_FEED, MAX_ROWS, readRow } from './feed.ts';
import type { Feed, FeedRow } from './feed.ts';
import { oncePerFrame } from './frame.ts';
import { LiveStream } from './live-stream.ts';
import { fetchInPlace } from './places.ts';

/** Rows added in one frame, so that the page answers to its person while 2,000 arrive at once. */
const ROWS_PER_FRAME = 250;

/** How many types are offered to choose from, against a topic whose events have ever new ones. */
const MAX_TYPES = 100;

/** A topic that is open: its history and what arrives, in one stream. Signals change once per frame at most. */
export class TopicFeed {
  readonly topic: string;
  readonly #base: string;
  readonly #feed: Signal<Feed> = signal(EMPTY_FEED);
  readonly #monitor = new ConnectionMonitor();
  readonly #start: Signal<Start> = signal('newest');
  readonly #type: Signal<string> = signal('');
  readonly #types: Signal<readonly string[]> = signal([]);
  readonly #isDeleted: Signal<boolean> = signal(false);
  readonly #frame = oncePerFrame(() => this.#show());
  #stream: LiveStream;
  #arrived: FeedRow[] = [];
  #nextKey = 1;
  #caughtUp = 0;
  /** Events up to this time on the hub's clock were missed, in milliseconds since 1970. Undefined before the first return. */
  #missedUntil: number | undefined;
  /** The end of a stream, and the attempt after it, that are not told yet: it may be the end of the topic. */
  #untold: ConnectionInput[] = [];

  constructor(base: string, topic: string) {
    this.#base = base;
    this.topic = topic;
    this.#stream = this.#open();
  }

  /** The URL of its stream. */
  get address(): string {
    return streamUrl(this.#base, this.topic, this.#type.peek());
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

  /** The type of the events that are shown; empty if all are. */
  get type(): ReadonlySignal<string> {
    return this.#type;
  }

  /** The types of events that have been shown. */
  get types(): ReadonlySignal<readonly string[]> {
    return this.#types;
  }

  /** Whether the topic was deleted and has shown no event since. */
  get isDeleted(): ReadonlySignal<boolean> {
    return this.#isDeleted;
  }

  /** Begins again with the earliest event that the hub keeps. */
  showEverything(): void {
    this.#start.value = 'earliest';
    this.#beginAgain();
  }

  /** Begins again with the events of a type. An empty one stands for all. */
  showType(type: string): void {
    if (type === this.#type.peek()) return;
    this.#type.value = type;
    this.#beginAgain();
  }

  /** Tries again now. At the end of a topic it asks first: the topic may have been deleted and made anew. */
  retryNow(): void {
    const stream = this.#stream;
    const isAtEnd = (): boolean => isComplete(this.connection.peek());
    if (!isAtEnd()) return stream.retryNow();
    void stream.isAtEnd().then((stays) => {
      if (!stays && stream === this.#stream && isAtEnd()) stream.retryNow();
    });
  }

  /** Gives the connection up until {@link resume}. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (isComplete(this.connection.peek())) this.retryNow();
    else this.#stream.resume();
  }

  close(): void {
    this.#clear();
  }

  #beginAgain(): void {
    this.#clear();
    this.#feed.value = EMPTY_FEED;
    this.#stream = this.#open();
  }

  #clear(): void {
    this.#stream.close();
    this.#frame.cancel();
    this.#monitor.reset();
    this.#arrived = [];
    this.#caughtUp = 0;
    this.#missedUntil = undefined;
    this.#untold = [];
  }

  #open(): LiveStream {
    const begin =
      this.#start.peek() === 'earliest'
        ? { lastEventId: 'earliest' }
        : { positionUrl: newestUrl(this.#base, this.topic, this.#type.peek()) };
    return new LiveStream(
      { url: this.address, fetch: fetchInPlace, ...begin },
      {
        onEvent: (event) => this.#receive(event),
        onConnection: (input, offset) => this.#connect(input, offset),
      },
    );
  }

  #connect(input: ConnectionInput, offset: number): void {
    if (input.kind === 'connecting' && this.#untold.length > 0) {
      this.#untold.push(input);
      return;
    }
    if (input.kind === 'closed') this.#untold = [];
    this.#tell();
    if (input.kind === 'waiting' && input.ended === true) {
      this.#untold = [input];
      void this.#askAboutEnd();
      return;
    }
    this.#monitor.take(input);
    if (input.kind !== 'open') return;
    this.#caughtUp = 0;
    const { returnedAt } = this.#monitor.connection.peek();
    if (returnedAt !== undefined) this.#missedUntil = returnedAt + offset;
  }

  /** The end of a topic is no trouble, so it must not look like one until the next attempt. */
  async #askAboutEnd(): Promise<void> {
    const [stream, untold] = [this.#stream, this.#untold];
    const isAtEnd = await stream.isAtEnd();
    if (this.#untold !== untold) return;
    if (isAtEnd) {
      stream.pause();
      this.#untold = [COMPLETE];
    }
    this.#tell();
  }

  #tell(): void {
    const inputs = this.#untold;
    this.#untold = [];
    for (const input of inputs) this.#monitor.take(input);
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
    const rows = this.#arrived.splice(0, most);
    this.#note(rows);
    return appendRows(this.#feed.peek(), rows);
  }

  #note(rows: readonly FeedRow[]): void {
    const known = new Set(this.#types.peek());
    const { size } = known;
    for (const row of rows) {
      if (row.kind === 'event') {
        this.#isDeleted.value = false;
        if (known.size < MAX_TYPES) known.add(row.type);
      } else if (row.reason === 'deleted') this.#isDeleted.value = true;
    }
    if (known.size > size) this.#types.value = [...known].toSorted();
  }
}
