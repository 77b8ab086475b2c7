import type { Rights } from '@tidings/server';
import { describe, expect, test } from 'vitest';
import { problemOf, startHub, type Reply } from './test-hub.ts';

const STREAM = { 'content-type': 'text/event-stream' };

describe('an idempotency key', () => {
  test('makes a publish safe to send again on the same topic, for 24 hours', async () => {
    let time = Date.now();
    const hub = await startHub({ now: () => time });
    const send = (topic: string, key = 'key 1'): Promise<string> => hub.publish(topic, 'x', { 'idempotency-key': key });
    expect(await send('a')).toBe(hub.cursor(1));
    expect(await send('a')).toBe(hub.cursor(1));
    expect(await send('b')).toBe(hub.cursor(2));
    expect(await send('a', 'key 2')).toBe(hub.cursor(3));
    time += 24 * 60 * 60 * 1000;
    expect(await send('a')).toBe(hub.cursor(1));
    time += 1;
    expect(await send('a')).toBe(hub.cursor(4));
  });

  const NAMED = { authenticate: (request: { header(name: string): string | undefined }) => namedBy(request) };
  const namedBy = (request: { header(name: string): string | undefined }): Rights => {
    const subject = request.header('x-person');
    return { allow: true, publish: 'all', private: 'all', ...(subject === undefined ? {} : { subject }) };
  };

  test('is the sender’s own: who uses the key of another neither disturbs it nor learns of it', async () => {
    const hub = await startHub(NAMED);
    const send = (person: string | undefined, body: string, topic = 'a'): Promise<string> =>
      hub.publish(topic, body, { 'idempotency-key': 'k', ...(person === undefined ? {} : { 'x-person': person }) });
    expect(await send(undefined, 'of a stranger')).toBe(hub.cursor(1));
    expect(await send('ann', 'the real one', 'a?private&id=secret')).toBe('secret');
    expect(await send('bob', 'of bob')).toBe(hub.cursor(3));
    expect(await send(undefined, 'of a stranger')).toBe(hub.cursor(1));
    expect(await send('ann', 'the real one', 'a?id=secret&private')).toBe('secret');
    expect(hub.position.seq).toBe(3);
  });

  const OTHERS: readonly [what: string, path: string, body: string, type: string][] = [
    ['another body', 'a?type=t', 'y', 'text/plain'],
    ['the same body and something behind it', 'a?type=t', 'x ', 'text/plain'],
    ['another type', 'a?type=u', 'x', 'text/plain'],
    ['no type', 'a', 'x', 'text/plain'],
    ['an id', 'a?type=t&id=mine', 'x', 'text/plain'],
    ['a retry', 'a?type=t&retry=5', 'x', 'text/plain'],
    ['what makes it private', 'a?type=t&private', 'x', 'text/plain'],
    ['an event stream', 'a', 'event: t\ndata: x\n\n', 'text/event-stream'],
  ];

  test.each(OTHERS)('is bound to what was sent: with %s it is refused', async (_, path, body, type) => {
    const hub = await startHub();
    const send = (to: string, content: string, as = 'text/plain'): Promise<Reply> =>
      hub.ask('POST', `/topics/${to}`, { headers: { 'idempotency-key': 'k', 'content-type': as }, body: content });
    const first = await send('a?type=t', 'x');
    const other = await send(path, body, type);
    expect([other.status, problemOf(other)]).toEqual([422, 'key-reused']);
    expect(hub.position.seq).toBe(1);
    const again = await send('a?type=t', 'x', 'application/octet-stream');
    expect([again.status, again.text]).toEqual([200, first.text]);
  });

  test('works for requests at the same time', async () => {
    const hub = await startHub();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => hub.publish('a', 'x', { 'idempotency-key': 'key' })),
    );
    expect(new Set(answers)).toEqual(new Set([hub.cursor(1)]));
    expect(hub.position.seq).toBe(1);
  });

  test('makes an event stream one batch, published whole or not at all', async () => {
    const hub = await startHub();
    const batches: number[] = [];
    hub.log.follow({ onStart: () => {}, onBatch: (batch) => batches.push(batch.length), onLost: () => {} });
    const headers = { ...STREAM, 'idempotency-key': 'key' };
    const body = Array.from({ length: 2000 }, (_, n) => `data: ${n} ${'x'.repeat(100)}\n\n`).join('');
    const bad = await hub.ask('POST', '/topics/a', { headers, body: `${body}id: earliest\ndata: bad\n\n` });
    expect(problemOf(bad)).toBe('invalid-event');
    expect(JSON.parse(bad.text)).not.toHaveProperty('published');
    expect(hub.position.seq).toBe(0);
    expect(await hub.publish('a', body, headers)).toBe(hub.cursor(2000));
    expect(await hub.publish('a', body, headers)).toBe(hub.cursor(2000));
    expect(batches).toEqual([2000]);
  });

  test('bounds the batch by 16 MiB', async () => {
    const hub = await startHub({ limits: { maxBodyBytes: 100 } });
    const headers = { ...STREAM, 'idempotency-key': 'key' };
    const reply = await hub.ask('POST', '/topics/a', { headers, body: `data: ${'x'.repeat(100)}\n\n` });
    expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
  });

  test.each(['', 'ä', 'x'.repeat(256)])('of the form %j is refused', async (key) => {
    const hub = await startHub();
    const reply = await hub.ask('POST', '/topics/a', { headers: { 'idempotency-key': key }, body: 'x' });
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
  });
});
