import fc from 'fast-check';
import assert from 'node:assert/strict';
import { findStart, type View } from '@tidings/server/live';
import { parseCursor } from '@tidings/server/log';
import { EventStreamDecoder, HEARTBEAT_TYPE } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { CODINGS, withoutBlankLines } from './codings.ts';
import { frame, FROM_NOW, Rig, settled, VIEW } from './fan-out-rig.ts';
import { FakeSink } from './model/fake-sink.ts';

const LISTENERS = 5;
const who = fc.nat({ max: LISTENERS - 1 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      size: fc.constantFrom(0, 10, 60, 500, 6000),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('listen' as const), who, choice: fc.nat({ max: 5 }) }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom('tick', 'tick', 'sweep') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('take' as const), who, count: fc.nat({ max: 300 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('leave', 'take all', 'hold', 'release'), who }) },
);

interface Listening {
  readonly sink: FakeSink;
  readonly after: number;
  readonly listener: NonNullable<ReturnType<Rig['fanOut']['listen']>>;
}

/** Checks that a listener got every event behind where it began, once and in order. */
function check(text: string, after: number, head: number): void {
  let seq = after;
  const decoder = new EventStreamDecoder({
    onEvent: ({ type, data, lastEventId }) => {
      if (type === HEARTBEAT_TYPE) {
        assert.equal(parseCursor(lastEventId)?.seq, seq, 'a heartbeat is where the listener is');
        return;
      }
      seq += 1;
      assert.equal(lastEventId, `e.${seq}`);
      assert.equal(data.split(' ', 1)[0], String(seq));
    },
  });
  decoder.write(text);
  decoder.end();
  assert.equal(seq, head);
}

describe.each(CODINGS)('in $name', ({ coding, ...decoding }) => {
  const CODED: View = { ...VIEW, coding };
  const bytes = (sink: FakeSink): Uint8Array => Buffer.concat(sink.chunks.map((chunk) => chunk.bytes));
  const open = (sink: FakeSink): string => withoutBlankLines(decoding.open(bytes(sink)));
  const whole = (sink: FakeSink): string => withoutBlankLines(decoding.whole(bytes(sink)));

  test('listeners with and without a coding are told the same, each in its own form', async () => {
    const rig = new Rig();
    const plain = await rig.listen();
    const coded = await rig.listen({}, CODED);
    const other = await rig.listen({}, CODED);
    await rig.publish('a', 'first');
    await rig.settle();
    expect(plain.text).toBe(FROM_NOW + frame(1, 'first'));
    expect([open(coded), open(other)]).toEqual([plain.text, plain.text]);
    await rig.publish('a', 'first, and once again what was first');
    await rig.publish('a', 'first, and once again what was first');
    await rig.settle();
    await rig.publish('a', 'first, and once again what was first');
    await rig.settle();
    expect([open(coded), open(other)]).toEqual([plain.text, plain.text]);
    // What they are sent is one chunk, made once, and refers to those before.
    const [last] = coded.chunks.slice(-1);
    expect(other.chunks.at(-1)).toBe(last);
    expect(last!.bytes.length).toBeLessThan(frame(4, 'first, and once again what was first').length / 2);
  });

  test('those that catch up in the same tick share what is coded for them', async () => {
    const rig = new Rig();
    await rig.publish('a', ...Array.from({ length: 20 }, (_, n) => `event ${n}`));
    const sinks = [];
    for (let n = 0; n < 5; n += 1) sinks.push(await rig.listen({ lastEventId: 'earliest' }, CODED));
    await rig.settle();
    expect(new Set(sinks.map((sink) => sink.chunks.at(-1))).size).toBe(1);
    for (const sink of sinks) expect(open(sink)).toContain(frame(20, 'event 19'));
  });

  test('a listener that is sent away, or has got everything, gets a whole body', async () => {
    const rig = new Rig();
    const done = await rig.listen({}, CODED);
    await rig.publish('a', 'last');
    rig.fanOut.finish(1);
    await rig.settle();
    expect(whole(done)).toBe(FROM_NOW + frame(1, 'last'));

    const other = new Rig();
    const away = await other.listen({}, CODED);
    other.fanOut.drain(0, () => 0);
    const late = await other.listen({}, CODED);
    expect([whole(away), whole(late)]).toEqual([`${FROM_NOW}retry: 1000\n\n`, 'retry: 1000\n\n']);
  });

  test('every listener of a coding gets every event once and in order, however it comes, falls behind and comes back', async () => {
    let overflows = 0;
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (script) => {
      const rig = new Rig();
      const listeners: (Listening | undefined)[] = [];
      let head = 0;
      for (const next of script) {
        if (next.type === 'publish') {
          for (let n = 0; n < next.count; n += 1) {
            head += 1;
            await rig.publish('a', `${head} ${'{"x":1}'.repeat(next.size / 7)}`);
          }
        } else if (next.type === 'listen') {
          listeners[next.who]?.sink.leave();
          const after = next.choice === 0 ? head : Math.floor((head * (next.choice - 1)) / 4);
          const request = next.choice === 0 ? {} : { lastEventId: `e.${after}` };
          const start = await findStart(rig.log, CODED.selection, request);
          const sink = new FakeSink(100);
          listeners[next.who] = { sink, after, listener: rig.fanOut.listen(sink, CODED, start)! };
        } else if (!('who' in next)) {
          if (next.type === 'tick') await rig.tick();
          else rig.clock.advance(1000);
        } else {
          const listening = listeners[next.who];
          if (!listening) continue;
          const { sink, listener } = listening;
          if (next.type === 'take') sink.take(next.count);
          else if (next.type === 'take all') sink.take();
          else if (next.type === 'hold') rig.fanOut.hold(listener);
          else if (next.type === 'release') rig.fanOut.release(listener, { ...CODED });
          else {
            sink.leave();
            listeners[next.who] = undefined;
          }
        }
        await settled();
      }
      for (const listening of listeners) if (listening) rig.fanOut.release(listening.listener, { ...CODED });
      for (let round = 0; round < 200; round += 1) {
        await rig.tick();
        for (const listener of listeners) listener?.sink.take();
      }
      for (const listener of listeners) if (listener) check(open(listener.sink), listener.after, head);
      overflows += rig.fanOut.stats().overflows;
      rig.fanOut.drain(0, () => 0);
      for (const listener of listeners) if (listener) check(whole(listener.sink), listener.after, head);
    });
    await fc.assert(property, { numRuns: Number(process.env.RUNS ?? 300) });
    expect(overflows).toBeGreaterThan(0);
  });
});
