import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { EventStreamDecoder } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { dataOf, events, listen, untilData } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';
import { parseChunked, TestServer, until } from './test-server.ts';

const CAP = 4096;
// More than a socket takes before it asks to wait.
const SOCKET_CAP = 128 * 1024;
const DATA = 'x'.repeat(200);

describe('a listener that reads too slowly, where no history is kept,', () => {
  test('is evicted by default, and told of the gap when it comes back', async () => {
    const channel = new Channel({ history: false, maxBacklogBytes: CAP });
    const [slow, quick] = [await listen(channel, {}, 1), await listen(channel)];
    const ids: string[] = [];
    for (let n = 1; n <= 40; n += 1) {
      ids.push(await channel.publish({ data: `${DATA}${n}` }));
      await untilData(quick.sink, `${DATA}${n}`);
      quick.sink.take();
    }
    expect([slow.sink.state, channel.listeners]).toEqual(['destroyed', 1]);
    expect(channel.stats()).toMatchObject({ evictions: 1, overflows: 0, dropped: 0 });
    expect(slow.sink.highestBacklog).toBeLessThanOrEqual(CAP);
    expect(dataOf(quick.sink)).toHaveLength(40);

    const seen = events(slow.sink).at(-1)!.lastEventId;
    const { sink } = await listen(channel, { headers: { 'last-event-id': seen } });
    await until(() => events(sink).length > 0);
    expect(events(sink)).toEqual([
      {
        type: 'tidings-gap',
        lastEventId: ids.at(-1),
        data: JSON.stringify({ after: seen, resumedAt: ids.at(-1), reason: 'trimmed' }),
      },
    ]);
    await channel.publish({ data: 'next' });
    await untilData(sink, 'next');
  });

  test('gets the newest events behind a gap with drop-oldest, and costs no more than the cap', async () => {
    const channel = new Channel({ history: false, overflow: 'drop-oldest', maxBacklogBytes: SOCKET_CAP });
    await using server = await TestServer.listen(
      (request, response) => void respond(channel, request, response),
      'unix',
    );
    let backlog = (): number => 0;
    server.server.on('connection', (socket) => {
      backlog = () => socket.writableLength;
    });
    const slow = server.connect();
    slow.socket.pause();
    slow.get();
    await until(() => channel.listeners === 1);
    const large = 'y'.repeat(1000);
    let highest = 0;
    for (let n = 1; n <= 2000; n += 1) {
      await channel.publish({ data: `${large} ${n}` });
      // A tick for each event.
      await new Promise((resolve) => setImmediate(resolve));
      highest = Math.max(highest, backlog());
    }
    expect(channel.stats().overflows).toBeGreaterThan(0);
    // The cap, and the event that passed it.
    expect(highest).toBeLessThan(SOCKET_CAP + 2 * large.length);
    slow.socket.resume();
    await slow.until(' 2000\n');
    const { body } = parseChunked(slow.received);
    const numbers: number[] = [];
    let gaps = 0;
    let told = false;
    const decoder = new EventStreamDecoder({
      onEvent({ type, data }) {
        if (type === 'tidings-gap') {
          gaps += 1;
          told = true;
        } else if (type === 'message') {
          const number = Number(data.split(' ')[1]);
          // There is a hole exactly where one was told of.
          expect(number > (numbers.at(-1) ?? 0) + 1).toBe(told);
          numbers.push(number);
          told = false;
        }
      },
    });
    decoder.write(body);
    expect(numbers.at(-1)).toBe(2000);
    expect(gaps).toBeGreaterThan(0);
    expect(channel.stats()).toMatchObject({ evictions: 0, gaps });
    expect(channel.stats().dropped).toBe(2000 - numbers.length);
    await channel.publish({ data: 'next' });
    await slow.until('data: next');
    slow.socket.destroy();
  });

  test('gets the newest event of each key with latest-by-key, without a gap', async () => {
    const channel = new Channel({ history: false, overflow: 'latest-by-key', maxBacklogBytes: CAP });
    const [slow, quick] = [await listen(channel, {}, 1), await listen(channel)];
    const keys = ['AAPL', 'MSFT', 'NVDA'];
    for (let n = 1; n <= 300; n += 1) {
      await channel.publish({ data: `${keys[n % 3]} ${n} ${DATA}` }, { key: keys[n % 3]! });
      await untilData(quick.sink, `${keys[n % 3]} ${n} ${DATA}`);
      quick.sink.take();
    }
    expect(slow.sink.highestBacklog).toBeLessThanOrEqual(CAP);
    const before = events(slow.sink).length;
    slow.sink.take();
    await untilData(slow.sink, `AAPL 300 ${DATA}`);
    const after = events(slow.sink).slice(before);
    expect(after.map(({ data }) => data.split(' ').slice(0, 2).join(' '))).toEqual([
      'MSFT 298',
      'NVDA 299',
      'AAPL 300',
    ]);
    expect(events(slow.sink).filter(({ type }) => type === 'tidings-gap')).toEqual([]);
    expect(channel.stats()).toMatchObject({ overflows: 1, dropped: 297 - before, gaps: 0 });
    slow.sink.take();
    await channel.publish({ data: 'next' });
    await untilData(slow.sink, 'next');
  });

  test('is keyed by the type of the event where none was given', async () => {
    const channel = new Channel({ history: false, overflow: 'latest-by-key' });
    for (const [event, data] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      ['', '4'],
      ['message', '5'],
    ] as const) {
      await channel.publish({ event, data });
    }
    // A key is not the type of the same name.
    await channel.publish({ data: '6' }, { key: 'b' });
    const { sink } = await listen(channel, { url: '/?lastEventId=earliest' });
    await untilData(sink, '6');
    expect(dataOf(sink)).toEqual(['2', '3', '5', '6']);
  });

  test('is told of a gap where the newest of its keys do not fit the cap', async () => {
    const channel = new Channel({ history: false, overflow: 'latest-by-key', maxBacklogBytes: CAP });
    const { sink } = await listen(channel, {}, 1);
    for (let n = 1; n <= 60; n += 1) {
      await channel.publish({ data: `${n} ${DATA}` }, { key: String(n) });
      await new Promise((resolve) => setImmediate(resolve));
    }
    sink.take();
    await untilData(sink, `60 ${DATA}`);
    expect(events(sink).filter(({ type }) => type === 'tidings-gap')).toHaveLength(1);
  });

  test.each(['', 'a\nb', 'x'.repeat(1025)])('the key %j is refused', async (key) => {
    await expect(new Channel().publish({ data: '1' }, { key })).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
  });
});

describe('history', () => {
  test('by age: what has become too old is not replayed, though nobody publishes', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ history: { maxAgeMs: 1000 }, clock });
    const first = await channel.publish({ data: '1' });
    clock.advance(500);
    const second = await channel.publish({ data: '2' });
    clock.advance(700);
    const { sink } = await listen(channel, { url: '/?lastEventId=earliest' });
    await untilData(sink, '2');
    expect(dataOf(sink)).toEqual(['2']);
    clock.advance(800);
    expect(await channel.earliest()).toBeUndefined();
    const late = await listen(channel, { headers: { 'last-event-id': first } });
    await until(() => events(late.sink).length > 0);
    expect(JSON.parse(dataOf(late.sink)[0]!)).toEqual({ after: first, resumedAt: second, reason: 'trimmed' });
  });
});
