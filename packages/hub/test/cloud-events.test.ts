import { Hub, MemoryLog } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';

const ONE = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const ATTRIBUTES = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/shop', 'ce-type': 'order.placed' };

function cloudEvent(more: object = {}): Record<string, unknown> {
  return { specversion: '1.0', id: '7', source: '/shop', type: 'order.placed', ...more };
}

function send(hub: TestHub, path: string, body: string | Uint8Array, headers = {}): Promise<Reply> {
  return hub.ask('POST', path, { headers, body });
}

async function kept(hub: TestHub, topic: string, count: number): Promise<Listener> {
  const listener = await Listener.open(hub.port, `/topics?match=${topic}&last_event_id=earliest`);
  await listener.take(count);
  return listener;
}

function detailOf(reply: Reply): string {
  return (JSON.parse(reply.text) as { detail: string }).detail;
}

describe('a CloudEvent in JSON', () => {
  test('is published with its type, and its data is the CloudEvent as it was sent', async () => {
    const hub = await startHub();
    const body =
      '{"specversion":"1.0", "id":"7","source":"/shop","type":"order.placed","data":{"n":12345678901234567890},"gone":null}';
    const reply = await send(hub, '/topics/orders', ` ${body}\n`, ONE);
    expect([reply.status, reply.text]).toEqual([200, hub.cursor(1)]);
    expect((await kept(hub, 'orders', 1)).published).toEqual([
      // Its id is not the event's: another source may give the same one.
      { type: 'order.placed', data: body, lastEventId: hub.cursor(1) },
    ]);
  });

  test('is published to the topic that its attribute names', async () => {
    const hub = await startHub();
    const body = JSON.stringify(cloudEvent({ topic: 'orders/7' }));
    expect((await send(hub, '/topics', body, ONE)).status).toBe(200);
    expect((await kept(hub, 'orders%2F7', 1)).data).toEqual([body]);
    // The URL comes first.
    expect((await send(hub, '/topics?topic=other', body, ONE)).status).toBe(200);
    expect((await kept(hub, 'other', 1)).data).toEqual([body]);
  });

  const REFUSED: readonly [what: string, body: string, problem: string, detail: string][] = [
    ['no JSON', 'hello', 'invalid-event', 'The CloudEvent: it is no JSON'],
    ['an array', '[]', 'invalid-event', 'The CloudEvent: it is an array, not an object'],
    [
      'no source',
      '{"specversion":"1.0","id":"7","type":"t"}',
      'invalid-event',
      'it has no source; a CloudEvent needs specversion, id, source, type',
    ],
    [
      'a source that is null',
      '{"specversion":"1.0","id":"7","source":null,"type":"t"}',
      'invalid-event',
      'it has no source',
    ],
    ['an empty id', JSON.stringify(cloudEvent({ id: '' })), 'invalid-event', 'its id is ""'],
    [
      'another version',
      JSON.stringify(cloudEvent({ specversion: '0.3' })),
      'invalid-event',
      'its specversion is "0.3"; allowed is 1.0',
    ],
    [
      'an attribute in capitals',
      JSON.stringify(cloudEvent({ myAttribute: 1 })),
      'invalid-event',
      'it has the attribute "myAttribute"',
    ],
    ['an attribute that is an object', JSON.stringify(cloudEvent({ x: {} })), 'invalid-event', 'its x is an object'],
    ['an attribute with a fraction', JSON.stringify(cloudEvent({ x: 1.5 })), 'invalid-event', 'its x is a number'],
    [
      'data twice',
      JSON.stringify(cloudEvent({ data: 1, data_base64: 'AA==' })),
      'invalid-event',
      'it has data and data_base64',
    ],
    [
      'a time in another form',
      JSON.stringify(cloudEvent({ time: '2026-11-28 10:00' })),
      'invalid-event',
      'its time is "2026-11-28 10:00", but must be one such as 2026-11-28T10:00:00Z',
    ],
    ['a subject that is a number', JSON.stringify(cloudEvent({ subject: 5 })), 'invalid-event', 'its subject is 5'],
    ['an empty type of its data', JSON.stringify(cloudEvent({ datacontenttype: '' })), 'invalid-event', 'its datacon'],
    ...['A', 'A===', '====', 'AA=A', 'AA-_'].map((text): [string, string, string, string] => [
      `the Base64 ${text}`,
      JSON.stringify(cloudEvent({ data_base64: text })),
      'invalid-event',
      `its data_base64 is "${text}", which is no Base64`,
    ]),
    [
      'data that is no JSON',
      '{"specversion":"1.0","id":"7","source":"s","type":"t","data":nope}',
      'invalid-event',
      'it is no JSON',
    ],
    [
      'a type of the hub',
      JSON.stringify(cloudEvent({ type: 'tidings-gap' })),
      'invalid-event',
      'The type "tidings-gap"',
    ],
    [
      'no topic',
      JSON.stringify(cloudEvent()),
      'invalid-topic',
      'The CloudEvent: it has no topic: name it in its attribute topic, or publish to /topics/{topic}',
    ],
    ['a topic that is no topic', JSON.stringify(cloudEvent({ topic: '..' })), 'invalid-topic', 'The topic ".."'],
    ['a topic that is a number', JSON.stringify(cloudEvent({ topic: 1 })), 'invalid-event', 'its topic is 1'],
  ];

  test.each(REFUSED)('%s is refused', async (_, body, problem, detail) => {
    const hub = await startHub();
    const reply = await send(hub, '/topics', body, ONE);
    expect(problemOf(reply)).toBe(problem);
    expect(detailOf(reply)).toContain(detail);
    expect(hub.position.seq).toBe(0);
  });

  test('optional attributes and data in Base64 are taken', async () => {
    const hub = await startHub();
    const times = ['2026-11-28T10:00:00Z', '2026-11-28t10:00:00.123456+05:30'].map((time) => ({ time }));
    const data = ['', 'AA==', 'AAA=', 'AAAA+/09'].map((text) => ({ data_base64: text }));
    const others = [{ subject: null }, { subject: 'a', dataschema: '/s', datacontenttype: 'text/plain' }];
    for (const members of [...times, ...data, ...others]) {
      expect((await send(hub, '/topics/a', JSON.stringify(cloudEvent(members)), ONE)).status).toBe(200);
    }
  });

  test('another format, and the parameters of other publishes, are refused', async () => {
    const hub = await startHub();
    const avro = await send(hub, '/topics/a', 'x', { 'content-type': 'application/cloudevents+avro' });
    expect([avro.status, problemOf(avro)]).toEqual([415, 'unsupported-type']);
    expect(detailOf(avro)).toContain('application/cloudevents+json and application/cloudevents-batch+json are allowed');
    const typed = await send(hub, '/topics/a?type=x', JSON.stringify(cloudEvent()), ONE);
    expect(problemOf(typed)).toBe('invalid-parameter');
  });

  test('may be private', async () => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen' });
    const headers = { ...ONE, authorization: 'Bearer a-key-of-the-hub' };
    expect((await send(hub, '/topics/a?private', JSON.stringify(cloudEvent()), headers)).status).toBe(200);
    await hub.publish('a', 'open', { authorization: headers.authorization });
    expect((await kept(hub, 'a', 1)).data).toEqual(['open']);
  });
});

describe('a batch of CloudEvents', () => {
  test('is stored whole, and every event has an id in the answer', async () => {
    const hub = await startHub();
    const events = [cloudEvent({ topic: 'a' }), cloudEvent({ topic: 'b', id: '8' })];
    const headers = { ...BATCH, accept: 'application/json', 'idempotency-key': 'k' };
    for (let time = 0; time < 2; time += 1) {
      const reply = await send(hub, '/topics', JSON.stringify(events, null, 2), headers);
      expect(JSON.parse(reply.text)).toEqual({ ids: [hub.cursor(1), hub.cursor(2)] });
    }
    expect(hub.position.seq).toBe(2);
    const [data = ''] = (await kept(hub, 'b', 1)).data;
    expect(JSON.parse(data)).toEqual(events[1]);
    expect(JSON.parse((await send(hub, '/topics/a', '[ ]', headers)).text)).toEqual({ ids: [] });
  });

  test('is refused with the number of the event that is wrong, and nothing of it is stored', async () => {
    const hub = await startHub();
    const REFUSED: readonly [body: string, detail: string][] = [
      [JSON.stringify([cloudEvent(), cloudEvent({ id: undefined })]), 'Event 2: it has no id'],
      [JSON.stringify([cloudEvent(), 1]), 'Event 2: it is a number, not an object'],
      [JSON.stringify([cloudEvent(), cloudEvent({ type: 'x'.repeat(1025) })]), 'Event 2: The event type is 1025 bytes'],
      [JSON.stringify(cloudEvent()), 'The batch: it is an object, not an array'],
      [JSON.stringify([cloudEvent()]).slice(0, -1), 'The batch: it is no JSON: it ends too early'],
    ];
    for (const [body, detail] of REFUSED) {
      const reply = await send(hub, '/topics/a', body, BATCH);
      expect([problemOf(reply), detailOf(reply)]).toEqual(['invalid-event', expect.stringContaining(detail)]);
    }
    expect(hub.position.seq).toBe(0);
  });
});

describe('a CloudEvent in header fields', () => {
  const BODIES: readonly [type: string | undefined, body: string | Uint8Array, member: object][] = [
    ['application/json', ' {"a": 1} ', { data: { a: 1 } }],
    ['application/vnd.shop+json; charset=utf-8', '"x"', { data: 'x' }],
    ['text/plain', 'hellö', { data: 'hellö' }],
    ['text/plain; charset=iso-8859-1', 'x', { data_base64: 'eA==' }],
    ['text/plain', Uint8Array.of(0xff), { data_base64: '/w==' }],
    ['application/octet-stream', 'x', { data_base64: 'eA==' }],
    [undefined, 'x', { data_base64: 'eA==' }],
    ['text/plain', '', {}],
  ];

  test.each(BODIES)('with a body of the type %s becomes one in JSON', async (type, body, member) => {
    const hub = await startHub();
    const headers = { ...ATTRIBUTES, 'ce-subject': 'a%20%C3%A4', 'CE-Note': '"quoted \\" text"' };
    const sent = { ...headers, ...(type === undefined ? {} : { 'content-type': type }) };
    const reply = await send(hub, '/topics/a', body, sent);
    expect(reply.status).toBe(200);
    const [event] = (await kept(hub, 'a', 1)).published;
    expect(event?.type).toBe('order.placed');
    expect(JSON.parse(event?.data ?? '')).toEqual({
      ...cloudEvent({ subject: 'a ä', note: 'quoted " text' }),
      ...(type === undefined ? {} : { datacontenttype: type }),
      ...member,
    });
  });

  test('is refused if an attribute is missing or malformed, or its body is not what it says', async () => {
    const hub = await startHub();
    const REFUSED: readonly [headers: object, body: string, detail: string][] = [
      [{ 'ce-id': '7' }, 'x', 'The CloudEvent: it has no specversion'],
      [{ ...ATTRIBUTES, 'ce-my-attribute': 'x' }, 'x', 'it has the attribute "my-attribute"'],
      [{ ...ATTRIBUTES, 'ce-subject': '%C3' }, 'x', 'its ce-subject is "%C3", which is not percent-encoded UTF-8'],
      [{ ...ATTRIBUTES, 'ce-data': 'x' }, 'x', 'it has ce-data, but its data is the body'],
      [{ ...ATTRIBUTES, 'content-type': 'application/json' }, '{', 'The CloudEvent: Its body: it is no JSON'],
    ];
    for (const [headers, body, detail] of REFUSED) {
      const reply = await send(hub, '/topics/a', body, headers);
      expect([problemOf(reply), detailOf(reply)]).toEqual(['invalid-event', expect.stringContaining(detail)]);
    }
    expect(hub.position.seq).toBe(0);
  });

  test('is bound to its idempotency key with all of its attributes', async () => {
    const hub = await startHub();
    const headers = { ...ATTRIBUTES, 'idempotency-key': 'k', 'content-type': 'text/plain' };
    expect((await send(hub, '/topics/a', 'x', headers)).text).toBe(hub.cursor(1));
    expect((await send(hub, '/topics/a', 'x', headers)).text).toBe(hub.cursor(1));
    expect(problemOf(await send(hub, '/topics/a', 'x', { ...headers, 'ce-id': '8' }))).toBe('key-reused');
  });

  test('may come over Fetch', async () => {
    const log = new MemoryLog();
    const hub = new Hub({ log });
    const init = {
      method: 'POST',
      headers: { ...ATTRIBUTES, 'ce-topic': 'a', 'content-type': 'text/plain' },
      body: 'x',
    };
    expect((await hub.fetch(new Request('http://localhost/topics', init))).status).toBe(200);
    const page = await log.read({ selection: { topics: ['a'] }, after: 0, through: 1, maxBytes: 1 });
    expect(page.entries).toHaveLength(1);
    await hub.close({ finishMs: 0 });
  });
});
