import assert from 'node:assert/strict';
import {
  findStart,
  isComplete,
  type FanOut,
  type StartRequest,
  type Listener as ServedListener,
  type Start,
  type View,
} from '@tidings/server/live';
import { EARLIEST, parseCursor, type TopicPattern } from '@tidings/server/log';
import { EventStreamDecoder } from '@tidings/wire';
import { FakeSink, type DrainMode } from './fake-sink.ts';
import type { Published } from './published.ts';
import type { ScriptedLog } from './scripted-log.ts';
import { StreamCheck, type ExpectedStart } from './stream-check.ts';
import { finalSeqOf, onlyOf } from './topic-records.ts';

export interface World {
  readonly published: Published;
  /** Milliseconds since 1970. */
  readonly time: () => number;
  readonly log: ScriptedLog;
  readonly fanOut: FanOut;
  readonly highWaterMark: number;
  readonly drainMode: DrainMode;
  /** What broke where no step of the script could see it. */
  readonly failures: Error[];
}

/** A listener as a browser is one: it reads what comes, and comes back with the last event ID that it has read. */
export class Listener {
  readonly view: View;
  sink: FakeSink | undefined;
  check: StreamCheck | undefined;
  /** A connection has been asked for and not begun. */
  connecting = false;
  /** It was told that its topic is closed, and that it has everything. */
  isComplete = false;
  readonly #world: World;
  readonly #request: StartRequest;
  #listener: ServedListener | undefined;
  #held = false;
  #left = 0;
  #lastEventId = '';
  #decoder = new EventStreamDecoder({ onEvent: () => {} });

  constructor(world: World, view: View, request: StartRequest) {
    this.#world = world;
    this.view = view;
    this.#request = request;
  }

  connect(): void {
    if (this.sink && isOver(this.sink)) this.leave();
    if (this.connecting || this.sink) return;
    this.connecting = true;
    const { log, fanOut, failures } = this.#world;
    const lastEventId = this.#lastEventId || this.#request.lastEventId;
    const request = { ...this.#request, lastEventId };
    const expected = this.#expect(request);
    const left = this.#left;
    const asked = this.#world.published.step;
    findStart(log, this.view.selection, request).then(
      (start) => {
        if (this.#left !== left) return;
        this.connecting = false;
        this.isComplete = isComplete(start);
        this.#checkComplete(start, expected, asked);
        if (this.isComplete) return;
        this.#decoder = new EventStreamDecoder({ lastEventId: this.#lastEventId, onEvent: () => {} });
        const check = new StreamCheck(this.#world.published, log, this.view, expected);
        this.check = check;
        this.sink = new FakeSink(this.#world.highWaterMark, this.#world.drainMode, (bytes) =>
          this.#written(check, bytes),
        );
        this.sink.onEnd = () => this.#checked(() => check.end());
        // Each listener comes with a view of its own, as requests do; the key makes them one cohort.
        this.#listener = fanOut.listen(this.sink, this.#ownView(), start);
      },
      (error: unknown) => failures.push(error as Error),
    );
  }

  take(count: number): void {
    if (this.sink && isOver(this.sink)) this.leave();
    if (!this.sink) return;
    // A copy: what is taken next may be written into the same memory.
    this.#decoder.write(Uint8Array.from(this.sink.take(count)));
    this.#lastEventId = this.#decoder.lastEventId;
  }

  /** Its rights are not known for a while: it may be given nothing but keep-alives. */
  hold(): void {
    if (!this.#listener || !this.sink) return;
    this.#world.fanOut.hold(this.#listener);
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.#listener) this.#world.fanOut.release(this.#listener, this.#ownView());
  }

  leave(): void {
    this.#left += 1;
    this.connecting = false;
    this.check = undefined;
    this.sink?.leave();
    this.sink = undefined;
    this.#listener = undefined;
    this.#held = false;
  }

  #ownView(): View {
    return { ...this.view, selection: { ...this.view.selection } };
  }

  #written(check: StreamCheck, bytes: Uint8Array): void {
    this.#checked(() => {
      assert.equal(check, this.check, 'a listener that had gone was written to');
      assert.ok(!this.#held || isKeepAlive(bytes), 'a listener that was held was given something');
      check.write(bytes);
    });
  }

  // An assertion that fails inside the code under test must not be swallowed by it.
  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#world.failures.push(error as Error);
    }
  }

  /** Whoever has everything of a closed topic, or asks for nothing of it, is not let in. */
  #checkComplete(start: Start, { after, misplaced }: ExpectedStart, asked: number): void {
    const { selection } = this.view;
    const { closings } = this.#world.published.topics;
    const has = (final: number | undefined): boolean =>
      final !== undefined && misplaced === undefined && (after === undefined || after >= final);
    const justified = closings.filter((closing) => {
      const isMeanwhile = closing.topic === onlyOf(selection) && closing.reopenedAt >= asked;
      return isMeanwhile && has(finalSeqOf(closing, selection));
    });
    const wasClosed = justified.some(({ closedAt, reopenedAt }) => closedAt < asked && reopenedAt === Infinity);
    if (this.isComplete) {
      const isJust = justified.some((closing) => finalSeqOf(closing, selection) === start.finalSeq);
      this.#checked(() => assert.ok(isJust, 'a listener was not let in, and has not everything'));
    } else this.#checked(() => assert.ok(!wasClosed, 'a listener was let in to a closed topic, and has everything'));
  }

  #expect({ lastEventId = '', last }: StartRequest): ExpectedStart {
    const { published, time } = this.#world;
    published.trim(time());
    const { head } = published;
    const newest = published.newestFor(this.view.selection);
    const excused = published.matching(this.view.selection).filter((event) => event.trimmedAt < Infinity);
    if (lastEventId === EARLIEST) return { head, after: 0, announced: false, excused };
    if (lastEventId === '') {
      if (last === undefined) return { head, after: undefined, announced: true, excused: [] };
      return { head, after: published.beforeLast(this.view.selection, last), announced: true, excused };
    }
    const cursor = parseCursor(lastEventId);
    if (this.#lastEventId !== '' && cursor)
      assert.ok(cursor.seq <= newest, 'a listener was given a cursor that is ahead');
    if (cursor?.epoch === published.epoch && cursor.seq <= newest) {
      return { head, after: cursor.seq, announced: false, excused: [], sent: lastEventId };
    }
    const event = published.find(lastEventId, this.view.selection);
    if (event) return { head, after: event.seq, announced: false, excused: [], sent: lastEventId };
    const reason = cursor?.epoch === published.epoch ? 'ahead' : cursor ? 'foreign' : 'unknown';
    return { head, after: 0, announced: false, excused: [], sent: lastEventId, misplaced: reason };
  }
}

const pattern = (topic: string): TopicPattern => ({ pattern: topic, base: 'https://hub.test/topics/' });

export const VIEWS: readonly View[] = [
  { key: 'a', selection: { topics: ['a'] } },
  { key: 'a with rights', selection: { topics: ['a'], private: 'all' } },
  { key: 'b with rights to b', selection: { topics: ['b'], private: ['b'] } },
  { key: 'a b', selection: { topics: ['a', 'b'] } },
  { key: 'a, pattern', selection: { topics: ['a', pattern('c')], private: 'all' } },
  { key: 'a b, filtered', selection: { topics: ['a', 'b'] }, accepts: ({ seq }) => seq % 3 !== 0 },
  { key: 'a, all filtered out', selection: { topics: ['a'] }, accepts: () => false },
  { key: 'b, visible', selection: { topics: ['b'] }, heartbeat: 'event' },
  { key: 'patterns', selection: { topics: [pattern('a'), pattern('c')] } },
  { key: 'all', selection: { topics: 'all', private: ['a', 'b', 'c'] } },
  { key: 'a with rights to b', selection: { topics: ['a'], private: ['b'] } },
  { key: 'patterns with rights to a', selection: { topics: [pattern('b'), pattern('c')], private: ['a'] } },
];

/** Whether a connection has ended, and everything of it has been taken. */
function isOver({ state }: FakeSink): boolean {
  return state === 'destroyed' || state === 'ended';
}

function isKeepAlive(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString();
  return text === ':\n\n' || /^event: tidings-heartbeat\nid: .*\ndata:\n\n$/.test(text);
}
