import assert from 'node:assert/strict';
import type { View } from '@tidings/server/live';
import { parseCursor, type LogEntry, type Selection } from '@tidings/server/log';
import { EventStreamDecoder, GAP_TYPE, HEARTBEAT_TYPE, type EventMessage } from '@tidings/wire';
import type { Published, PublishedEvent } from './published.ts';
import type { ScriptedLog } from './scripted-log.ts';
import { finalSeqOf, onlyOf } from './topic-records.ts';

/** Where the model says that a connection begins. */
export interface ExpectedStart {
  /** The sequence number behind which it goes on; undefined for "from now on". */
  readonly after: number | undefined;
  /** The listener is told its position first. */
  readonly announced: boolean;
  /** What was trimmed before the listener came is not missed, where it did not ask for it. */
  readonly excused: readonly PublishedEvent[];
  readonly head: number;
  /** What was sent, where that is no cursor. */
  readonly sent?: string;
  readonly misplaced?: string;
}

/** Checks every byte that is written to one connection against the list of everything published. */
export class StreamCheck {
  readonly #published: Published;
  readonly #log: ScriptedLog;
  readonly #selection: Selection;
  readonly #accepts: (event: PublishedEvent) => boolean;
  readonly #start: ExpectedStart;
  readonly #decoder: EventStreamDecoder;
  /** Everything selected up to here has been delivered or told to be missing. */
  #position: number;
  /** The trimmed events that the listener knows to be missing: it was told, or they were missing before it came and it did not ask for them. */
  readonly #known = new Set<PublishedEvent>();
  #blocks = 0;
  /** For each gap the events that justify it. */
  readonly #gaps: Set<number>[] = [];
  /** How far the log had been handed over when it began. */
  readonly #begun: number;
  /** Whether the response has been ended as a whole one. */
  hasEnded = false;

  constructor(published: Published, log: ScriptedLog, view: View, start: ExpectedStart) {
    this.#published = published;
    this.#log = log;
    this.#selection = view.selection;
    this.#accepts = ({ seq }) => view.accepts?.({ seq } as LogEntry) ?? true;
    this.#start = start;
    this.#begun = log.handed;
    this.#position = start.after ?? log.handed;
    for (const event of start.excused) this.#known.add(event);
    this.#decoder = new EventStreamDecoder({ onEvent: (message) => this.#event(message) });
  }

  write(bytes: Uint8Array): void {
    assert.ok(!this.hasEnded, 'something was written behind the end of a stream');
    this.#decoder.write(bytes);
  }

  /** The place that the newest id stands for: where the listener would come back to. */
  get position(): number {
    return this.#position;
  }

  /** The response is ended, and looks whole: the only topic has been closed, and everything written, or it has been deleted. */
  end(): void {
    this.hasEnded = true;
    assert.ok(onlyOf(this.#selection) !== undefined, 'a stream of more than one topic was ended');
    const isClosed = this.#published.topics.closings.some((closing) => {
      const final = finalSeqOf(closing, this.#selection);
      if (final === undefined || closing.topic !== onlyOf(this.#selection)) return false;
      // A public event before a private final one may have been replaced.
      const hasMore = this.#between(closing.seq, this.#position + 1).some((event) => !event.deletes);
      return final <= this.#log.handed && this.#position >= final && !hasMore;
    });
    const isDeleted = this.#between(this.#begun, this.#log.handed + 1).some((event) => event.deletes);
    assert.ok(
      isClosed || isDeleted,
      `a stream was ended at ${this.#position}, and its topic neither closed nor deleted`,
    );
  }

  /** Everything has been written: nothing may be left out. */
  finish(): void {
    if (this.hasEnded) return;
    const final = this.#published.topics.finalFor(this.#selection);
    assert.equal(final, undefined, 'the stream of a closed topic was not ended');
    this.#passed(this.#published.head + 1, 'the end');
    if (this.#start.misplaced) assert.ok(this.#blocks > 0, 'a misplaced cursor was never told of');
  }

  #event(message: EventMessage): void {
    this.#blocks += 1;
    if (message.type === HEARTBEAT_TYPE) this.#heartbeat(message);
    else if (message.type === GAP_TYPE) this.#gap(message);
    else this.#delivered(message);
  }

  #heartbeat({ lastEventId, data }: EventMessage): void {
    const seq = this.#seqOf(lastEventId);
    assert.equal(data, '');
    assert.ok(!this.#isFirst() || !this.#start.misplaced, 'a heartbeat came before the gap of a misplaced cursor');
    // A listener that gets no private events may be told a place before some of them: for it that is the same place.
    const isSame = seq < this.#position && this.#between(seq, this.#position + 1).length === 0;
    if (this.#isFirst() && this.#start.announced && !isSame)
      assert.equal(seq, this.#position, 'the announced position');
    assert.ok(isSame || seq >= this.#position, `a heartbeat moves the cursor back from ${this.#position} to ${seq}`);
    this.#passed(seq + 1, `the heartbeat ${seq}`);
    this.#position = Math.max(seq, this.#position);
  }

  #gap({ lastEventId, data }: EventMessage): void {
    const { after, resumedAt, reason } = JSON.parse(data) as Record<string, string>;
    const page = this.#log.current!;
    assert.equal(resumedAt, lastEventId);
    const seq = this.#seqOf(lastEventId);
    assert.ok(seq >= this.#position, `a gap moves the cursor back from ${this.#position} to ${seq}`);
    const { misplaced } = this.#start;
    if (misplaced && this.#isFirst()) {
      assert.deepEqual([after, reason], [this.#start.sent, misplaced]);
    } else {
      // In the first page the place where a gap begins is named as it was sent, in later ones by its cursor.
      const { sent, after: begun } = this.#start;
      const asSent = after === sent && page.request.after === begun;
      if (!asSent) assert.equal(this.#seqOf(after!), page.request.after, 'the place where a gap begins');
      this.#passed(page.request.after + 1, `the gap from ${page.request.after}`);
      const missing = this.#between(Math.max(this.#position, page.request.after), page.trimmedThrough + 1);
      const justified = missing.filter(
        (event) => event.trimmedAt <= page.lookedAt && !event.replaced && !this.#known.has(event),
      );
      const wasDeleted = justified.some((event) => event.deletes);
      assert.equal(reason, wasDeleted ? 'deleted' : 'trimmed');
      assert.ok(justified.length > 0, `a gap is told at ${this.#position}, but nothing is missing`);
      this.#gaps.push(new Set(justified.map((event) => event.seq)));
    }
    // It reaches as far as events are missing and none is kept: the stream goes on behind it.
    const kept = this.#between(page.request.after, Infinity).find((event) => event.trimmedAt > page.lookedAt);
    const end = Math.min(page.trimmedThrough, page.request.through, kept ? kept.seq - 1 : Infinity);
    assert.equal(seq, Math.max(page.request.after, end), 'the place where a gap ends');
    for (const event of this.#between(0, page.trimmedThrough + 1)) {
      if (event.trimmedAt <= page.lookedAt) this.#known.add(event);
    }
    this.#passed(seq + 1, `the gap ${seq}`);
    this.#position = seq;
  }

  #delivered({ data, type, lastEventId }: EventMessage): void {
    const isMessage = type === 'message';
    const event = isMessage
      ? this.#published.events[Number.parseInt(data, 10) - 1]
      : this.#published.events.find(({ id }) => id === lastEventId);
    assert.ok(event, `the event ${lastEventId} ${data} was never published`);
    const { seq } = event;
    assert.equal(lastEventId, event.id);
    assert.equal(type, event.type);
    assert.ok(this.#published.matching(this.#selection).includes(event), `the event ${seq} was not asked for`);
    assert.ok(this.#accepts(event), `the event ${seq} is not for this listener`);
    assert.ok(seq > this.#position, `the event ${seq} comes at ${this.#position}: out of order or twice`);
    const first = this.#isFirst();
    assert.ok(!first || !this.#start.misplaced, 'an event came before the gap of a misplaced cursor');
    assert.ok(!first || !this.#start.announced, 'an event came before the position');
    this.#passed(seq, `the event ${seq}`);
    for (const missing of this.#gaps) {
      missing.delete(seq);
      assert.ok(missing.size > 0, `a gap was told, but its last event ${seq} was then delivered`);
    }
    this.#position = seq;
  }

  /** Whatever lies between the position and a place that is passed must be trimmed, and told to be missing. */
  #passed(seq: number, what: string): void {
    for (const event of this.#between(this.#position, seq)) {
      if (event.deletes ? !this.#mustTell(event) : !this.#accepts(event) || event.replaced) continue;
      assert.ok(
        event.trimmedAt < Infinity,
        `${what} passes the event ${event.seq}, which is kept and was not delivered`,
      );
      assert.ok(this.#known.has(event), `${what} passes the event ${event.seq}, which is missing without a word`);
    }
  }

  /** Whoever comes with a cursor from before is told that the topic was deleted. Who is there when that is handed over may have had everything. */
  #mustTell({ seq }: PublishedEvent): boolean {
    return this.#start.sent !== undefined && seq <= this.#begun;
  }

  #between(after: number, before: number): PublishedEvent[] {
    return this.#published.matching(this.#selection).filter(({ seq }) => seq > after && seq < before);
  }

  #isFirst(): boolean {
    return this.#blocks === 1;
  }

  #seqOf(cursor: string): number {
    const position = parseCursor(cursor);
    assert.ok(position?.epoch === this.#published.epoch, `${cursor} is no cursor of this log`);
    return position.seq;
  }
}
