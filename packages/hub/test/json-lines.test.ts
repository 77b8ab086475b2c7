import type { Rights } from '@tidings/server';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';

const LINES = { 'content-type': 'application/x-ndjson' };
const JSON_LINES = { ...LINES, accept: 'application/json' };

function send(hub: TestHub, lines: readonly unknown[], headers = {}): Promise<Reply> {
  const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  return hub.ask('POST', '/topics', { headers: { ...LINES, ...headers }, body });
}

/** What the hub has of some topics, with what listeners to each of them are sent. */
async function kept(hub: TestHub, count: number, ...topics: string[]): Promise<Listener> {
  const query = topics.map((topic) => `match=${encodeURIComponent(topic)}`).join('&');
  const listener = await Listener.open(hub.port, `/topics?${query}&last_event_id=earliest`);
  await listener.take(count);
  return listener;
}

describe('POST /topics with lines of JSON', () => {
  test('publishes an event for each line, in one batch, and answers with all ids to who asks for JSON', async () => {
    const hub = await startHub();
    const batches: number[] = [];
    hub.log.follow({ onStart: () => {}, onBatch: (batch) => batches.push(batch.length), onLost: () => {} });
    const lines = [
      { topic: 'a', data: 'one' },
      { topic: 'b/c', data: 'two', type: 'added', id: 'mine', retry: 250 },
      '',
      ' \r',
      { data: 'three', topic: 'a', type: '', private: false },
    ];
    const reply = await send(hub, lines, { accept: 'application/json' });
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(reply.text)).toEqual({ ids: [hub.cursor(1), 'mine', hub.cursor(3)] });
    expect(batches).toEqual([3]);
    const listener = await kept(hub, 3, 'a', 'b/c');
    expect(listener.published).toEqual([
      { type: 'message', data: 'one', lastEventId: hub.cursor(1) },
      { type: 'added', data: 'two', lastEventId: 'mine' },
      { type: 'message', data: 'three', lastEventId: hub.cursor(3) },
    ]);
    expect(listener.retries).toEqual([250]);
  });

  test('answers everybody else with the id of the last event', async () => {
    const hub = await startHub();
    for (const accept of ['*/*', 'text/plain', 'application/json;q=0.5, */*']) {
      const reply = await send(
        hub,
        [
          { topic: 'a', data: 'x' },
          { topic: 'a', data: 'y' },
        ],
        { accept },
      );
      expect([reply.headers['content-type'], reply.text]).toEqual([
        'text/plain; charset=utf-8',
        hub.cursor(hub.position.seq),
      ]);
    }
  });

  test('without a line there is no event, and no id', async () => {
    const hub = await startHub();
    expect((await send(hub, ['', ''])).text).toBe('');
    expect(JSON.parse((await send(hub, [], { accept: 'application/json' })).text)).toEqual({ ids: [] });
    expect(hub.position.seq).toBe(0);
  });

  test('a value that is no string is stored as its own text', async () => {
    const hub = await startHub();
    const values = ['{"n": 12345678901234567890, "x":[1.0, "}"]}', '1.50', 'true', 'null', '[]', '"\\u00e4\\n"'];
    expect(
      (
        await send(
          hub,
          values.map((value) => `{"topic":"a","data": ${value} }`),
        )
      ).status,
    ).toBe(200);
    expect((await kept(hub, 6, 'a')).data).toEqual([...values.slice(0, 5), 'ä\n']);
  });

  test('private events reach those only who may have them', async () => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen' });
    const headers = { authorization: 'Bearer a-key-of-the-hub' };
    await send(
      hub,
      [
        { topic: 'a', data: 'secret', private: true },
        { topic: 'a', data: 'open' },
      ],
      headers,
    );
    expect((await kept(hub, 1, 'a')).data).toEqual(['open']);
  });

  /** Each as the second line. */
  const REFUSED: readonly [what: string, line: string, problem: string, detail: string][] = [
    ['no JSON', 'hello', 'invalid-event', 'Line 2: it is no JSON: unexpected "hello" at character 1'],
    ['half an object', '{"topic":"a","data":', 'invalid-event', 'Line 2: it is no JSON: it ends too early'],
    ['a value that is no JSON', '{"topic":"a","data":nope}', 'invalid-event', 'Line 2: it is no JSON: '],
    ['text behind the object', '{"topic":"a","data":1} 2', 'invalid-event', 'at character 24'],
    ['an array', '[1]', 'invalid-event', 'Line 2: it is an array, not an object'],
    ['null', 'null', 'invalid-event', 'Line 2: it is null, not an object'],
    [
      'an unknown member',
      '{"topic":"a","dat":"x"}',
      'invalid-event',
      'Line 2: it has the member "dat"; allowed are topic, data, type, id, retry, key, forget, private, lease, close; did you mean data?',
    ],
    ['a member given twice', '{"topic":"a","topic":"b","data":1}', 'invalid-event', 'the member "topic" twice'],
    ['no topic', '{"data":"x"}', 'invalid-event', 'Line 2: it has no topic; an event needs topic and data'],
    ['no data', '{"topic":"a"}', 'invalid-event', 'Line 2: it has no data; an event needs topic and data'],
    [
      'a topic that is a number',
      '{"topic":1,"data":1}',
      'invalid-event',
      'its topic is a number, but must be a string',
    ],
    ['a type that is null', '{"topic":"a","data":1,"type":null}', 'invalid-event', 'its type is null'],
    ['a retry that is a string', '{"topic":"a","data":1,"retry":"1"}', 'invalid-event', 'its retry is a string'],
    ['a retry with a fraction', '{"topic":"a","data":1,"retry":1.5}', 'invalid-event', 'its retry is 1.5'],
    ['a retry past five minutes', '{"topic":"a","data":1,"retry":300001}', 'invalid-event', '300001 milliseconds'],
    ['private that is no boolean', '{"topic":"a","data":1,"private":1}', 'invalid-event', 'its private is a number'],
    ['an empty topic', '{"topic":"","data":1}', 'invalid-topic', 'Line 2: The topic is empty'],
    ['a lone surrogate', '{"topic":"a","data":"\\ud800"}', 'invalid-event', 'its data has a lone surrogate'],
    [
      'a type of the hub',
      '{"topic":"a","data":1,"type":"tidings-own"}',
      'invalid-event',
      'Line 2: The type "tidings-own"',
    ],
    ['an id of a cursor’s form', '{"topic":"a","data":1,"id":"abc.1"}', 'invalid-event', 'Line 2: The id "abc.1"'],
    ['a key that is empty', '{"topic":"a","data":1,"key":""}', 'invalid-event', "Line 2: The event's key is empty"],
    [
      'data that is too large',
      `{"topic":"a","data":"${'x'.repeat(1001)}"}`,
      'too-large',
      "Line 2: The event's data is 1001 bytes",
    ],
    [
      'a value that is too large',
      `{"topic":"a","data":[${'1,'.repeat(501)}1]}`,
      'too-large',
      "Line 2: The event's data is",
    ],
    ['a line that is too long', `{"topic":"a",${' '.repeat(80_000)}"data":1}`, 'too-large', 'Line 2: it is 80'],
  ];

  test.each(REFUSED)('%s is refused with its line, and nothing is stored', async (_, line, problem, detail) => {
    const hub = await startHub({ limits: { maxEventBytes: 1000 } });
    const reply = await send(hub, [{ topic: 'a', data: 'x' }, line, { topic: 'a', data: 'y' }]);
    expect(problemOf(reply)).toBe(problem);
    expect((JSON.parse(reply.text) as { detail: string }).detail).toContain(detail);
    expect(hub.position.seq).toBe(0);
  });

  test('very many lines, with or without events, leave others their turns', async () => {
    const hub = await startHub();
    const order: string[] = [];
    for (const body of [' \n'.repeat(500_000), '{"topic":"a","data":1}\n'.repeat(10_000)]) {
      const lines = hub
        .ask('POST', '/topics', { headers: LINES, body })
        .then(({ status }) => order.push(`lines ${status}`));
      for (let n = 0; n < 3; n += 1) order.push(`other ${(await hub.ask('GET', '/healthz')).status}`);
      await lines;
    }
    const one = ['other 200', 'other 200', 'other 200', 'lines 200'];
    expect(order).toEqual([...one, ...one]);
  });

  test('a line that is not UTF-8 is refused', async () => {
    const hub = await startHub();
    const body = Buffer.concat([
      Buffer.from('{"topic":"a","data":1}\n{"topic":"a","data":"'),
      Buffer.from([0xff, 0x22]),
    ]);
    const reply = await hub.ask('POST', '/topics', { headers: LINES, body });
    expect([problemOf(reply), reply.text]).toEqual([
      'invalid-event',
      expect.stringContaining('Line 2: it is not valid UTF-8'),
    ]);
  });

  test('a batch has at most as many events and bytes as are allowed', async () => {
    const hub = await startHub({ limits: { maxBatchEvents: 3, maxBodyBytes: 200 } });
    const line = { topic: 'a', data: 'x' };
    expect((await send(hub, [line, line, line])).status).toBe(200);
    expect(problemOf(await send(hub, [line, line, line, line]))).toBe('too-large');
    expect(problemOf(await send(hub, [{ topic: 'a', data: 'x'.repeat(200) }]))).toBe('too-large');
    expect(hub.position.seq).toBe(3);
  });

  test.each<[what: string, path: string, type: string, begin: string, end: string]>([
    ['lines of JSON', '/topics', 'application/x-ndjson', '{"topic":"a","data":"', '"}\n'],
    ['an event stream', '/topics/a', 'text/event-stream', 'data: ', '\n\n'],
  ])(
    'a batch of %s may have 16 MiB unless the hub is told otherwise, and no byte more',
    async (_, path, type, begin, end) => {
      const hub = await startHub();
      const event = begin + 'x'.repeat(1024 * 1024 - begin.length - end.length) + end;
      const whole = event.repeat(16);
      const post = (body: string, key: string): Promise<Reply> =>
        hub.ask('POST', path, { headers: { 'content-type': type, 'idempotency-key': key }, body });
      expect((await post(whole, 'taken')).status).toBe(200);
      expect(hub.position.seq).toBe(16);
      const refused = await post(`${whole}\n`, 'refused');
      expect([refused.status, problemOf(refused)]).toEqual([413, 'too-large']);
      expect(hub.position.seq).toBe(16);
    },
  );

  test('a parameter, and a body of another type, is refused', async () => {
    const hub = await startHub();
    const reply = await hub.ask('POST', '/topics?private', { headers: LINES, body: '' });
    expect(problemOf(reply)).toBe('invalid-parameter');
    const other = await hub.ask('POST', '/topics', { headers: { 'content-type': 'application/json' }, body: '{}' });
    expect([problemOf(other), other.text]).toEqual([
      'invalid-topic',
      expect.stringContaining('send application/x-ndjson'),
    ]);
  });
});

test('lines at the URL of a topic are refused, because they name their topics', async () => {
  const hub = await startHub();
  for (const url of ['/topics/a', '/topics/topics', '/topics?topic=a']) {
    const reply = await hub.ask('POST', url, { headers: LINES, body: '{"topic":"a","data":"x"}' });
    expect([reply.status, problemOf(reply), reply.text]).toEqual([
      415,
      'unsupported-type',
      expect.stringContaining('POST them to /topics, without a topic'),
    ]);
  }
});

describe('the rights of a sender of lines', () => {
  const authenticate = (request: { header(name: string): string | undefined }): Rights => ({
    allow: true,
    subject: request.header('x-person') ?? 'nobody',
    publish: request.header('x-person') === undefined ? [] : ['a', 'b'],
  });

  test('have to cover every topic', async () => {
    const hub = await startHub({ authenticate });
    const lines = [
      { topic: 'a', data: 1 },
      { topic: 'b', data: 1 },
    ];
    expect((await send(hub, lines, { 'x-person': 'ann' })).status).toBe(200);
    const reply = await send(hub, [...lines, { topic: 'c', data: 1 }], { 'x-person': 'ann' });
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
    expect(reply.text).toContain('Line 3: The rights of ann do not allow it to publish to \\"c\\"');
    expect(hub.position.seq).toBe(2);
  });

  test('have to be those of an administrator for a gap that a copy tells of', async () => {
    const lines = [
      { topic: 'a', data: 1 },
      { topic: 'a', type: 'tidings-gap', data: { after: 'e.1', resumedAt: 'e.2', reason: 'trimmed' } },
    ];
    const hub = await startHub({ authenticate });
    const reply = await send(hub, lines, { 'x-person': 'ann' });
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
    expect(reply.text).toContain('Line 2: The rights of ann do not allow it to publish events of the type tidings-gap');
    expect(hub.position.seq).toBe(0);
    const own = await startHub();
    expect((await send(own, lines)).status).toBe(200);
    expect((await kept(own, 2, 'a')).published.at(-1)?.type).toBe('tidings-gap');
  });

  test('are looked at before the body', async () => {
    const hub = await startHub({ authenticate });
    const reply = await send(hub, ['no JSON']);
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
  });
});

describe('the idempotency key of lines', () => {
  test('makes the batch safe to send again: the answer has the same ids', async () => {
    const hub = await startHub();
    const key = { 'idempotency-key': 'k' };
    const lines = [
      { topic: 'a', data: 1 },
      { topic: 'b', data: 2, id: 'mine' },
      { topic: 'a', data: 3 },
    ];
    const first = await send(hub, lines, { ...key, ...JSON_LINES });
    await hub.publish('a', 'between');
    const again = await send(hub, lines, { ...key, ...JSON_LINES });
    expect(JSON.parse(first.text)).toEqual({ ids: [hub.cursor(1), 'mine', hub.cursor(3)] });
    expect(again.text).toBe(first.text);
    const other = await send(hub, lines.slice(1), key);
    expect([other.status, problemOf(other)]).toEqual([422, 'key-reused']);
    expect(hub.position.seq).toBe(4);
  });

  test('is another one than the same key of a topic', async () => {
    const hub = await startHub();
    const key = { 'idempotency-key': 'k' };
    await hub.publish('null', 'x', key);
    expect((await send(hub, [{ topic: 'null', data: 'x' }], key)).text).toBe(hub.cursor(2));
  });
});

describe('Accept: application/json', () => {
  test('is answered with the ids of all events, whatever is published', async () => {
    const hub = await startHub();
    const accept = { accept: 'application/json' };
    const stream = { ...accept, 'content-type': 'text/event-stream' };
    const batch = { ...stream, 'idempotency-key': 'k' };
    expect(JSON.parse(await hub.publish('a', 'x', accept))).toEqual({ ids: [hub.cursor(1)] });
    for (let time = 0; time < 2; time += 1) {
      expect(JSON.parse(await hub.publish('a', 'data: 1\n\ndata: 2\n\n', batch))).toEqual({
        ids: [hub.cursor(2), hub.cursor(3)],
      });
    }
    expect(JSON.parse(await hub.publish('a', 'data: 1\n\ndata: 2\n\n', stream))).toEqual({
      ids: [hub.cursor(5)],
      published: 2,
    });
  });
});
