import { expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type TestHub } from './test-hub.ts';

const retention = { perTopic: [{ topics: ['now'], keep: 'latest' as const }] };

/** A listener to the topic that keeps the latest by key. */
function listen(hub: TestHub, query = ''): Promise<Listener> {
  return Listener.open(hub.port, `/topics/now${query}`);
}

test('a topic that keeps the latest by key gives a snapshot, and goes on live', async () => {
  const hub = await startHub({ retention });
  await hub.publish('now?key=EUR', '1.08');
  await hub.publish('now?key=CHF', '0.95');
  await hub.publish('now?key=EUR', '1.09');
  await hub.publish('now', 'open', {});
  await hub.publish('now', 'closed');
  const listener = await listen(hub, '?lastEventId=earliest');
  expect(await listener.take(3)).toEqual(['0.95', '1.09', 'closed']);
  await hub.publish('now?key=CHF', '0.96');
  expect(await listener.take(4)).toEqual(['0.95', '1.09', 'closed', '0.96']);
});

test('a listener that was away gets the newest of each key that has changed, without a gap', async () => {
  const hub = await startHub({ retention });
  await hub.publish('now?key=a', 'a1');
  const seen = await hub.publish('now?key=b', 'b1');
  for (const n of [2, 3, 4]) await hub.publish('now?key=a', `a${n}`);
  await hub.publish('now?key=c', 'c1');
  await hub.log.trim();
  const listener = await listen(hub, `?lastEventId=${seen}`);
  expect(await listener.take(2)).toEqual(['a4', 'c1']);
  expect(listener.published.map(({ type }) => type)).toEqual(['message', 'message']);
});

test('a key is forgotten: who listens is told, and so is who was away', async () => {
  const hub = await startHub({ retention });
  const first = await hub.publish('now?key=a', 'a1');
  await hub.publish('now?key=b', 'b1');
  const live = await listen(hub);
  await hub.publish('now?key=a&forget', '');
  await hub.publish('now?key=b&forget&type=gone', '');
  await live.until(() => live.published.length === 2);
  const forgotten = [
    { type: 'tidings-forgotten', data: '{"key":"a"}' },
    { type: 'gone', data: '' },
  ];
  expect(live.published).toMatchObject(forgotten);
  await hub.log.trim();
  const away = await listen(hub, `?lastEventId=${first}`);
  await away.until(() => away.published.length === 2);
  expect(away.published).toMatchObject(forgotten);
});

test('an envelope names the key, and says whether it was forgotten', async () => {
  const hub = await startHub({ retention });
  const listener = await listen(hub, '?envelope=json');
  await hub.publish('now?key=a%20b', 'x');
  await hub.publish('now?key=a%20b&forget', 'y');
  await hub.publish('now', 'z');
  const envelopes = (await listener.take(3)).map((data) => JSON.parse(data) as object);
  expect(envelopes).toEqual([
    { topic: 'now', time: expect.any(String), data: 'x', key: 'a b' },
    { topic: 'now', time: expect.any(String), data: 'y', key: 'a b', forget: true },
    { topic: 'now', time: expect.any(String), data: 'z' },
  ]);
});

test('an envelope of a forgotten key names its topic, for a listener to several', async () => {
  const hub = await startHub({ retention });
  const listener = await Listener.open(hub.port, '/topics?match_urlpattern=*&envelope=json');
  await hub.publish('now?key=a&forget', '');
  await listener.take(1);
  expect(listener.published.map(({ type, data }) => [type, JSON.parse(data)])).toEqual([
    ['tidings-forgotten', { topic: 'now', time: expect.any(String), data: '{"key":"a"}', key: 'a', forget: true }],
  ]);
});

test('a topic that is closed while a key is forgotten, without a body, ends with the event of the close, which forgets the key', async () => {
  const hub = await startHub({ retention: { perTopic: [{ topics: ['request', 'line', 'program'], keep: 'latest' }] } });
  const line = (topic: string): string => JSON.stringify({ topic, data: '', key: 'a', forget: true, close: true });
  const closeAndForget: Record<string, (topic: string) => Promise<unknown>> = {
    request: (topic) => hub.publish(`${topic}?close&forget&key=a`, ''),
    line: (topic) =>
      hub.ask('POST', '/topics', { headers: { 'content-type': 'application/x-ndjson' }, body: line(topic) }),
    program: (topic) => hub.hub.publish(topic, {}, { key: 'a', forget: true, final: true }),
  };
  for (const [topic, publish] of Object.entries(closeAndForget)) {
    await hub.publish(`${topic}?key=a`, 'x');
    await publish(topic);
    await hub.log.trim();
    const { text } = await hub.ask('GET', `/topics/${topic}`, { headers: { accept: 'application/json' } });
    expect(JSON.parse(text), `closed by a ${topic}`).toMatchObject({
      events: [{ type: 'tidings-closed', data: '{"reason":"closed"}', key: 'a', forget: true }],
      state: 'closed',
    });
  }
});

test('a page names the keys that were given, and says which were forgotten', async () => {
  const hub = await startHub();
  await hub.publish('all?key=a', 'x');
  await hub.publish('all?key=a&forget', '');
  await hub.publish('all', 'z');
  const { text } = await hub.ask('GET', '/topics/all', { headers: { accept: 'application/json' } });
  const place = { id: expect.any(String), topic: 'all', time: expect.any(String) };
  expect(JSON.parse(text)).toMatchObject({
    events: [
      { ...place, type: 'message', data: 'x', key: 'a' },
      { ...place, type: 'tidings-forgotten', data: '{"key":"a"}', key: 'a', forget: true },
      { ...place, type: 'message', data: 'z' },
    ],
  });
  expect(text.match(/"(key|forget)":/g)).toEqual(['"key":', '"key":', '"forget":']);
});

test('on a topic that keeps all, keys and what forgets them are events like others', async () => {
  const hub = await startHub({ retention });
  for (const [query, body] of [
    ['?key=a', '1'],
    ['?key=a', '2'],
    ['?key=a&forget', '3'],
  ]) {
    await hub.publish(`all${query}`, body!);
  }
  const listener = await Listener.open(hub.port, '/topics/all?lastEventId=earliest');
  expect(await listener.take(3)).toEqual(['1', '2', '3']);
});

test('what is wrong with a key is said', async () => {
  const hub = await startHub({ retention });
  const refusal = async (query: string, type?: string): Promise<[string | undefined, string]> => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const reply = await hub.ask('POST', `/topics/now?${query}`, { body: 'data: x\n\n', headers });
    return [problemOf(reply), (JSON.parse(reply.text) as { detail: string }).detail];
  };
  expect(await refusal('forget')).toEqual([
    'invalid-parameter',
    'The parameter forget needs the parameter key, which names the key to forget',
  ]);
  expect(await refusal('key=')).toEqual(['invalid-event', "The event's key is empty; 1 to 1024 bytes are allowed"]);
  expect(await refusal(`key=${'k'.repeat(1025)}`)).toEqual([
    'invalid-event',
    "The event's key is 1025 bytes long; at most 1024 are allowed",
  ]);
  expect((await refusal('key=a&key=b'))[0]).toBe('invalid-parameter');
  expect((await refusal('key=a', 'text/event-stream'))[0]).toBe('invalid-parameter');
  expect((await refusal('key=a&type=tidings-forgotten'))[0]).toBe('invalid-event');
});

test('an idempotency key is bound to the key of the value, and to whether it is forgotten', async () => {
  const hub = await startHub({ retention });
  const send = async (query: string): Promise<number> =>
    (await hub.ask('POST', `/topics/now${query}`, { headers: { 'idempotency-key': 'i' }, body: 'x' })).status;
  expect(await send('?key=a')).toBe(200);
  expect(await send('?key=a')).toBe(200);
  expect([await send(''), await send('?key=b'), await send('?key=a&forget')]).toEqual([422, 422, 422]);
});
