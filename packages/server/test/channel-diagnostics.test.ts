import { Channel } from '@tidings/server';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { events, listen, requestHead, untilData } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';
import { until } from './test-server.ts';

const NAMES = ['listen', 'leave', 'refuse', 'publish', 'overflow', 'evict', 'gap', 'drain', 'error'];

type Message = Record<string, unknown> & { readonly channel: Channel };

/** Writes down the messages of all channels. */
class Recorder implements Disposable {
  readonly messages: [string, Message][] = [];
  readonly #subscribed = NAMES.map((name) => {
    const listener = (message: unknown): void => void this.messages.push([name, message as Message]);
    subscribe(`tidings:channel:${name}`, listener);
    return { name, listener };
  });

  of(channel: Channel): [string, Omit<Message, 'channel'>][] {
    return this.messages.flatMap(([name, { channel: source, ...rest }]) => (source === channel ? [[name, rest]] : []));
  }

  [Symbol.dispose](): void {
    for (const { name, listener } of this.#subscribed) unsubscribe(`tidings:channel:${name}`, listener);
  }
}

describe('node:diagnostics_channel is told', () => {
  test('who comes, what is published, and who goes and why', async () => {
    using recorder = new Recorder();
    const clock = new FakeClock();
    const channel = new Channel({ clock });
    const { sink } = await listen(channel);
    const id = await channel.publish({ data: '1' });
    await untilData(sink, '1');
    clock.advance(3000);
    sink.leave();
    const finished = await listen(channel, { headers: { 'last-event-id': id } });
    await channel.close();
    await until(() => finished.sink.state === 'ending');
    finished.sink.take();
    await until(() => channel.listeners === 0);
    expect(recorder.of(channel)).toEqual([
      ['listen', { lastEventId: '', listeners: 1 }],
      ['publish', { id }],
      ['leave', { reason: 'left', durationMs: 3000, listeners: 0 }],
      ['listen', { lastEventId: id, listeners: 1 }],
      ['leave', { reason: 'finished', durationMs: 0, listeners: 0 }],
    ]);
  });

  test('who is refused and why', async () => {
    using recorder = new Recorder();
    const channel = new Channel({ authenticate: ({ url }) => url === '/', maxListeners: 1 });
    const requests = [
      requestHead({ method: 'POST' }),
      requestHead({ url: '/secret' }),
      requestHead({ headers: { 'last-event-id': 'x' } }),
    ];
    await channel.answer(requests[0]!);
    await channel.answer(requests[1]!);
    await listen(channel);
    await channel.answer(requests[2]!);
    expect(recorder.of(channel).filter(([name]) => name === 'refuse')).toEqual([
      ['refuse', { request: requests[0], status: 405, reason: 'method' }],
      ['refuse', { request: requests[1], status: 403, reason: 'forbidden' }],
      ['refuse', { request: requests[2], status: 503, reason: 'full' }],
    ]);
  });

  test('of slow listeners, gaps, errors and draining', async () => {
    using recorder = new Recorder();
    const evicting = new Channel({ history: false, maxBacklogBytes: 0 });
    const evicted = await listen(evicting, {}, 1);
    await evicting.publish({ data: '1' });
    await until(() => evicted.sink.state === 'destroyed');
    const dropping = new Channel({ history: false, overflow: 'drop-oldest', maxBacklogBytes: 0 });
    const slow = await listen(dropping, {}, 1);
    await dropping.publish({ data: '1' });
    await until(() => dropping.stats().overflows === 1);
    slow.sink.take();
    await until(() => events(slow.sink).length === 1);
    const draining = dropping.drain(1000);
    slow.sink.take();
    await draining;
    const failing = new Channel({
      authenticate: () => ({ allow: true, filter: () => JSON.parse('{') as boolean }),
      onError: () => {
        throw new Error('the handler fails too');
      },
    });
    const failed = await listen(failing);
    const { error } = console;
    const printed: unknown[] = [];
    console.error = (value: unknown) => void printed.push(value);
    await failing.publish({ data: '1' });
    await until(() => failed.sink.state === 'destroyed');
    console.error = error;
    expect(printed).toEqual([new Error('the handler fails too')]);

    const told = (channel: Channel): unknown[] =>
      recorder
        .of(channel)
        .filter(([name]) => name !== 'publish')
        .slice(1);
    const hello = evicted.sink.text.length;
    expect(told(evicting)).toEqual([
      ['evict', { backlog: hello }],
      ['leave', expect.objectContaining({ reason: 'evicted' })],
    ]);
    expect(told(dropping)).toEqual([
      ['overflow', { backlog: hello }],
      ['gap', JSON.parse(events(slow.sink)[0]!.data)],
      ['drain', { listeners: 1, windowMs: 1000 }],
      ['leave', expect.objectContaining({ reason: 'drained', listeners: 0 })],
    ]);
    expect(told(failing)).toEqual([
      ['error', { error: expect.any(SyntaxError) }],
      ['leave', expect.objectContaining({ reason: 'failed', listeners: 0 })],
    ]);
  });
});

describe('stats', () => {
  test('count what was written, once for each listener and event', async () => {
    const channel = new Channel({
      authenticate: ({ url }) => ({ allow: true, ...(url === '/none' ? { filter: () => false } : {}) }),
    });
    const before = await channel.publish({ data: '0' });
    const live = [await listen(channel), await listen(channel)];
    await listen(channel, { url: '/none' });
    const id = await channel.publish({ data: '1' });
    await channel.publish({ data: '2' });
    for (const { sink } of live) await untilData(sink, '2');
    const late = await listen(channel, { headers: { 'last-event-id': before } }, 1);
    await untilData(late.sink, '2');
    const sinks = [...live.map(({ sink }) => sink), late.sink];
    const silent = `event: tidings-heartbeat\nid: ${before}\ndata:\n\n`;
    const backlogs = [...sinks.map(({ text }) => text.length), silent.length];
    expect(channel.stats()).toEqual({
      listeners: 4,
      live: 4,
      published: 3,
      delivered: 6,
      bytes: backlogs.reduce((sum, bytes) => sum + bytes, 0),
      backlog: { total: backlogs.reduce((sum, bytes) => sum + bytes, 0), max: Math.max(...backlogs) },
      overflows: 0,
      evictions: 0,
      dropped: 0,
      gaps: 0,
      pages: 1,
      refused: { method: 0, parameter: 0, forbidden: 0, full: 0, 'full-for-key': 0, complete: 0 },
      lastEventId: channel.lastEventId,
    });
    expect(id).not.toBe(channel.lastEventId);
  });
});

describe('a heartbeat', () => {
  const beats = (text: string): number => [...text.matchAll(/^event: tidings-heartbeat$/gm)].length;

  test('is an event where a page asks for it, also while other events come, and a comment for the others', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ keepAliveMs: 20, clock });
    const [visible, silent] = [await listen(channel, { url: '/?x&heartbeat=event' }), await listen(channel)];
    for (let n = 1; n <= 16; n += 1) {
      await channel.publish({ data: String(n) });
      await untilData(silent.sink, String(n));
      clock.advance(5);
    }
    expect(beats(visible.sink.text)).toBeGreaterThanOrEqual(4);
    expect(visible.sink.text).not.toContain(':\n\n:\n\n');
    // The first one tells the position.
    expect(beats(silent.sink.text)).toBe(1);
    clock.advance(40);
    expect(silent.sink.text).toMatch(/data: 16\n\n(:\n\n)+$/);
    expect(visible.sink.text).not.toMatch(/^:$/m);
  });

  test('is an event for everybody with heartbeat: event, but for those who ask for a comment', async () => {
    const clock = new FakeClock();
    const channel = new Channel({ keepAliveMs: 20, heartbeat: 'event', clock });
    const [visible, silent] = [await listen(channel), await listen(channel, { url: '/?heartbeat=comment' })];
    clock.advance(100);
    const text = `event: tidings-heartbeat\nid: ${channel.lastEventId}\ndata:\n\n`;
    expect(beats(visible.sink.text)).toBeGreaterThanOrEqual(3);
    expect(visible.sink.text).toBe(text.repeat(beats(visible.sink.text)));
    expect(silent.sink.text).toMatch(/^id: .*\n\n(:\n\n)+$/);
  });
});
