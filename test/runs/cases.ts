import type { NewChunk, RunItem, Runs } from '@tidings/server/runs';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Two instances on one store, as two nodes have them. */
export interface RunsPair {
  readonly runs: Runs;
  readonly other: Runs;
}

/** Takes what is done after the last test, the last first. */
export type AtEnd = (end: () => unknown) => void;

let made = 0;

/** An id that no other test has. */
const newId = (): string => `answer ${(made += 1)}/ü?&`;

async function allOf(items: AsyncIterable<RunItem>): Promise<RunItem[]> {
  const found: RunItem[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What readers get, without the ids. */
function contents(items: readonly RunItem[]): unknown[] {
  return items.map((item) => {
    if (item.type === 'gap') return 'gap';
    if (item.type === 'end') return item.error === undefined ? item.state : [item.state, item.error];
    return item.event === 'message' ? item.data : { event: item.event, data: item.data };
  });
}

/** A promise, and what settles it. */
function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const CHUNKS: readonly NewChunk[] = [
  'a token',
  '',
  ' leading and trailing ',
  'two\nlines\n',
  'CR\rand\r\nCRLF',
  '\uFEFFa mark, NUL \0 and ünïcödé 🎉',
  'half of a pair \ud83c',
  '\udf89 and the other half',
  'data: {"type":"text-delta"}\n\n',
  new Uint8Array(),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  { event: 'progress', data: '{"percent":50}' },
  { event: 'lines', data: '1\r\n2\r3 and half \ud83c' },
  { data: 'no type' },
  { data: 'no type,\r and CR' },
];

const STORED: readonly unknown[] = CHUNKS.map((chunk) =>
  typeof chunk === 'object' && 'data' in chunk && !('event' in chunk) ? chunk.data : chunk,
);

/** What holds of runs in every store. @param open makes two instances for all tests of the block, which close when they are done */
export function runsCases(open: (atEnd: AtEnd) => Promise<RunsPair>): void {
  let pair: RunsPair;
  const closing: (() => unknown)[] = [];
  beforeAll(async () => {
    pair = await open((end) => closing.unshift(end));
  });
  afterAll(async () => {
    for (const end of closing) await end();
  });

  test.concurrent('every reader gets exactly what the producer has appended, from the start and from each place', async () => {
    const { runs, other } = pair;
    const id = newId();
    const half = gate();
    const { over } = await runs.start(id, async ({ append, flush }) => {
      for (const chunk of CHUNKS.slice(0, 6)) await append(chunk);
      await flush();
      await half.opened;
      for (const chunk of CHUNKS.slice(6)) await append(chunk);
    });
    const early = other.resume(id);
    expect(contents([(await early.next()).value!])).toEqual(STORED.slice(0, 1));
    half.open();
    expect(contents(await allOf(early))).toEqual([...STORED.slice(1), 'done']);
    expect(await over).toBe('done');
    const items = await allOf(other.resume(id));
    expect(contents(items)).toEqual([...STORED, 'done']);
    for (const at of [0, 4, 5, items.length - 2, items.length - 1]) {
      const { id: lastEventId } = items[at] as { id: string };
      expect(await allOf(runs.resume(id, { lastEventId }))).toEqual(items.slice(at + 1));
      expect(await runs.store.snapshot(id, { after: lastEventId })).toEqual(items.slice(at + 1));
    }
    expect(await other.snapshot(id)).toEqual(items);
    const end = items.at(-1) as { id: string };
    expect(await other.status(id)).toEqual({ id, state: 'done', lastEventId: end.id });
  });

  test.concurrent('of many that start a run one is its producer, also after its end', async () => {
    const { runs, other } = pair;
    const id = newId();
    let producers = 0;
    let cancelled = 0;
    const producer = async function* (): AsyncGenerator<string> {
      yield `producer ${(producers += 1)}`;
    };
    const stream = (): ReadableStream<string> => new ReadableStream({ cancel: () => void (cancelled += 1) });
    const started = await Promise.all([runs, other, runs, other].map((each) => each.start(id, producer)));
    expect(started.filter(({ isProducer }) => isProducer)).toHaveLength(1);
    expect(contents(await allOf(runs.resume(id)))).toEqual(['producer 1', 'done']);
    const late = await other.start(id, stream());
    expect([late.isProducer, await late.over, cancelled]).toEqual([false, undefined, 1]);
    expect(contents(await allOf(other.resume(id)))).toEqual(['producer 1', 'done']);
  });

  test.concurrent('a producer that throws has failed, and its error is told only where it was asked for', async () => {
    const { runs, other } = pair;
    const id = newId();
    const { over } = await runs.start(id, async ({ append }) => {
      void append('a part');
      throw new Error('the secret\r\nreason');
    });
    expect(await over).toBe('failed');
    expect(contents(await allOf(other.resume(id)))).toEqual(['a part', ['failed', 'the secret\r\nreason']]);
    expect(await other.status(id)).toMatchObject({ state: 'failed', error: 'the secret\r\nreason' });
    const ask = (errors: boolean): Promise<string> =>
      other.respond(new Request('http://app.test/'), id, { errors }).then((response) => response.text());
    expect(await ask(false)).not.toContain('secret');
    expect(await ask(true)).toContain('the secret');
  });

  test.concurrent('an instance stops a run that another one produces, and what was made stays', async () => {
    const { runs, other } = pair;
    const id = newId();
    const aborted = gate();
    let refused: unknown;
    const { over } = await runs.start(id, async ({ append, signal }) => {
      await append('made before');
      signal.addEventListener('abort', () => aborted.open());
      await aborted.opened;
      refused = await append('made after').catch((error: unknown) => (error as { code?: string }).code);
    });
    const reading = allOf(other.resume(id));
    expect(await other.stop(id)).toMatchObject({ state: 'stopped' });
    expect(await over).toBe('stopped');
    expect(contents(await reading)).toEqual(['made before', 'stopped']);
    expect(refused).toBe('ERR_RUN_OVER');
    expect(await runs.stop(id)).toMatchObject({ state: 'stopped' });
    expect((await other.start(id, () => {})).isProducer).toBe(false);
  });

  test.concurrent('a run whose producer dies is lost when its lease ends, and its readers are told', async () => {
    const { runs, other } = pair;
    const id = newId();
    const lease = (await runs.store.acquire(id, { leaseMs: 3000, ttlMs: 60_000 }))!;
    // At once, and nothing else before: on a busy machine each question takes a part of the lease.
    await runs.store.append(lease, ['a part']);
    expect(await other.status(id)).toMatchObject({ state: 'streaming' });
    const silent = newId();
    await runs.store.acquire(silent, { leaseMs: 3000, ttlMs: 60_000 });
    expect(contents(await allOf(other.resume(id)))).toEqual(['a part', 'lost']);
    expect(contents(await allOf(other.resume(silent)))).toEqual(['lost']);
    await expect(runs.store.append(lease, ['too late'])).rejects.toMatchObject({ code: 'ERR_RUN_OVER' });
    await expect(runs.store.renew(lease)).rejects.toMatchObject({ code: 'ERR_RUN_OVER' });
    expect(await runs.store.finish(lease, { state: 'done' })).toBe(false);
    expect(contents(await runs.snapshot(id))).toEqual(['a part', 'lost']);
    expect(await runs.store.acquire(id, { leaseMs: 3000, ttlMs: 60_000 })).toBeUndefined();
  });

  test.concurrent('a producer that is silent for longer than its lease keeps its run', async () => {
    const { runs, other } = pair;
    const id = newId();
    const { over } = await runs.start(
      id,
      async ({ append }) => {
        await append('before');
        // The lease of another run that is not renewed ends meanwhile.
        const witness = newId();
        await other.store.acquire(witness, { leaseMs: 6000, ttlMs: 60_000 });
        expect(contents(await allOf(other.resume(witness)))).toEqual(['lost']);
        await append('after');
      },
      { lease: '3s' },
    );
    expect(await over).toBe('done');
    expect(contents(await allOf(other.resume(id)))).toEqual(['before', 'after', 'done']);
  });

  test.concurrent('a deleted run ends its readers and its producer, who changes nothing of the next run', async () => {
    const { runs, other } = pair;
    const id = newId();
    const stays = gate();
    const { over } = await runs.start(id, async ({ append, flush, signal }) => {
      await append('old');
      await flush();
      signal.addEventListener('abort', () => stays.open());
      await stays.opened;
    });
    const old = (await runs.store.acquire(`${id} 2`, { leaseMs: 10_000, ttlMs: 60_000 }))!;
    await runs.store.append(old, ['old']);
    const readings = [allOf(other.resume(id)), allOf(runs.resume(`${id} 2`))];
    expect(await other.delete(`${id} 2`)).toBe(true);
    expect(await other.delete(id)).toBe(true);
    // The producer may have stored its end before the run was deleted.
    const ended = ['stopped', 'unknown'];
    expect(ended).toContain(contents((await readings[0])!).at(-1));
    expect(ended).toContain(await over);
    expect(contents((await readings[1])!).at(-1)).toBe('unknown');
    expect(await other.delete(id)).toBe(false);
    expect(contents(await allOf(other.resume(id)))).toEqual(['unknown']);
    const next = await other.store.acquire(`${id} 2`, { leaseMs: 10_000, ttlMs: 60_000 });
    await other.store.append(next!, ['new']);
    await expect(runs.store.append(old, ['mixed in'])).rejects.toMatchObject({ code: 'ERR_RUN_OVER' });
    expect(await runs.store.finish(old, { state: 'done' })).toBe(false);
    expect(await other.store.finish(next!, { state: 'done' })).toBe(true);
    expect(contents(await allOf(runs.resume(`${id} 2`)))).toEqual(['new', 'done']);
  });

  test.concurrent('a reader of a run that is deleted, and begun anew at once, gets nothing of the next run', async () => {
    const { runs, other } = pair;
    const id = newId();
    const terms = { leaseMs: 10_000, ttlMs: 60_000 };
    const old = (await runs.store.acquire(id, terms))!;
    await runs.store.append(old, ['old']);
    const reading = other.resume(id);
    const first = await reading.next();
    expect(contents([first.value!])).toEqual(['old']);
    expect(await other.store.delete(id)).toBe(true);
    const next = (await runs.store.acquire(id, terms))!;
    await runs.store.append(next, ['new']);
    // Where the deletion is noticed behind what was deleted, a gap tells of it, too.
    expect(contents(await allOf(reading)).filter((content) => content !== 'gap')).toEqual(['unknown']);
    expect(await runs.store.finish(next, { state: 'done' })).toBe(true);
    const { id: lastEventId } = first.value as { readonly id: string };
    expect(contents(await allOf(other.resume(id, { lastEventId })))).toEqual(['gap', 'new', 'done']);
  });

  test.concurrent('a run that is not there is unknown to all who ask, and is not waited for', async () => {
    const { runs } = pair;
    const id = newId();
    expect(await runs.status(id)).toEqual({ id, state: 'unknown' });
    expect(await runs.stop(id)).toEqual({ id, state: 'unknown' });
    expect(await runs.snapshot(id)).toEqual([]);
    expect(await allOf(runs.resume(id))).toEqual([{ type: 'end', id: undefined, state: 'unknown' }]);
    expect((await runs.respond(new Request('http://app.test/'), id)).status).toBe(404);
  });

  test.concurrent('a run is forgotten when its time to live is over', async (context) => {
    const { runs, other } = pair;
    const id = newId();
    const { over } = await runs.start(id, ({ append }) => append('soon gone'), { ttl: 5000 });
    await over;
    expect(contents(await other.snapshot(id))).toEqual(['soon gone', 'done']);
    await context.expect.poll(() => other.status(id), { timeout: 30_000 }).toEqual({ id, state: 'unknown' });
    expect(await other.snapshot(id)).toEqual([]);
  });

  test.concurrent('respond() streams a run from its start or a place, and answers 204 behind its end', async () => {
    const { runs, other } = pair;
    const id = newId();
    const { over } = await runs.start(id, async function* () {
      yield '{"n":1}';
      yield { event: 'progress', data: '2' };
      yield new Uint8Array([1, 2, 3]);
    });
    const response = await other.respond(new Request('http://app.test/', { method: 'POST', body: '{}' }), id);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const text = await response.text();
    await over;
    const ids = (await runs.snapshot(id)).map((item) => (item as { id: string }).id);
    const events = [
      `id: ${ids[0]}\ndata: {"n":1}\n\n`,
      `event: progress\nid: ${ids[1]}\ndata: 2\n\n`,
      `event: run-bytes\nid: ${ids[2]}\ndata: AQID\n\n`,
      `event: run-end\nid: ${ids[3]}\ndata: {"state":"done"}\n\n`,
    ];
    expect(text.replaceAll(/^:.*\n\n?/gm, '')).toBe(events.join(''));
    const from = (lastEventId: string): Promise<Response> =>
      other.respond(new Request('http://app.test/', { headers: { 'Last-Event-ID': lastEventId } }), id);
    expect((await (await from(ids[1]!)).text()).replaceAll(/^:.*\n\n?/gm, '')).toBe(events.slice(2).join(''));
    const read = await from(ids[3]!);
    expect([read.status, await read.text()]).toEqual([204, '']);
    expect(await (await from('mine.77')).text()).toContain('event: tidings-gap');
  });

  test('an id is a name and nothing else, whatever it looks like', async () => {
    const { runs, other } = pair;
    const prefix = newId();
    const odd = [
      '*',
      '**',
      '{/}?',
      ':id',
      '(.*)',
      '%2F',
      '..a',
      'a..',
      '...',
      'earliest',
      '__proto__',
      '?match=*',
      ' ',
    ];
    const ids = [...odd.map((name) => `${prefix}/${name}`), '语'.repeat(256)];
    await Promise.all(
      ids.map(async (id) => {
        const { over } = await runs.start(id, async function* () {
          yield id;
          throw new Error(id);
        });
        expect(await over).toBe('failed');
      }),
    );
    for (const id of ids) {
      const all = [id, ['failed', id]];
      expect(contents(await allOf(other.resume(id)))).toEqual(all);
      expect(contents(await other.snapshot(id))).toEqual(all);
      expect(await other.status(id)).toMatchObject({ id, state: 'failed', error: id });
      expect(await other.delete(id)).toBe(true);
    }
  });

  test('a place that is none of the run is told, and the run is read from its start', async () => {
    const { runs, other } = pair;
    const id = newId();
    const { over } = await runs.start(id, ({ append }) => append('one'));
    await over;
    const places = ['mine', 'no-epoch.1', 'ü', 'a b', '語'.repeat(2000), 'x'.repeat(20_000), '-1', '999999999'];
    for (const lastEventId of places) {
      expect(contents(await allOf(other.resume(id, { lastEventId })))).toEqual(['gap', 'one', 'done']);
      expect(contents(await other.store.snapshot(id, { after: lastEventId }))).toEqual(['gap', 'one', 'done']);
    }
  });

  test('a place of another run is told, and the run is read from its start, while it goes on and when it is over', async () => {
    const { runs, other } = pair;
    const [id, before, later] = [newId(), newId(), newId()];
    const placesOf = async (of: string): Promise<readonly string[]> =>
      (await allOf(other.resume(of)))
        .map((item) => item.type !== 'gap' && item.id)
        .filter((place) => place !== undefined) as string[];
    await (
      await runs.start(before, ({ append }) => append('before'))
    ).over;
    const ends = gate();
    const { over } = await runs.start(id, async ({ append, flush }) => {
      await append('one');
      await flush();
      await ends.opened;
      await append('two');
    });
    await (
      await runs.start(later, ({ append }) => append('later'))
    ).over;
    const foreign = [...(await placesOf(before)), ...(await placesOf(later))];
    expect(foreign).toHaveLength(4);
    const [first] = await other.snapshot(id);
    const reading = [...foreign, 'earliest', first?.type === 'chunk' ? first.id : ''].map((lastEventId) =>
      allOf(other.resume(id, { lastEventId })),
    );
    ends.open();
    await over;
    const all = ['one', 'two', 'done'];
    const told = foreign.map(() => ['gap', ...all]);
    expect((await Promise.all(reading)).map(contents)).toEqual([...told, all, all.slice(1)]);
    for (const [at, lastEventId] of foreign.entries()) {
      expect(contents(await allOf(other.resume(id, { lastEventId })))).toEqual(told[at]);
      expect(contents(await other.store.snapshot(id, { after: lastEventId }))).toEqual(told[at]);
      const response = await other.respond(new Request(`http://app.test/?lastEventId=${lastEventId}`), id);
      expect([response.status, (await response.text()).match(/^data: (one|two)$/gm)]).toEqual([
        200,
        ['data: one', 'data: two'],
      ]);
    }
    expect(contents(await allOf(other.resume(id, { lastEventId: 'earliest' })))).toEqual(all);
  });

  test('HEAD and OPTIONS are answered without reading the run', async () => {
    const { runs, other } = pair;
    const id = newId();
    const ends = gate();
    const ask = async (method: string, lastEventId = ''): Promise<readonly unknown[]> => {
      const headers = { 'Last-Event-ID': lastEventId, Origin: 'http://page.test' };
      const response = await other.respond(new Request('http://app.test/', { method, headers }), id);
      return [response.status, await response.text()];
    };
    expect(await ask('HEAD')).toEqual([404, '']);
    const { over } = await runs.start(id, async ({ append, flush }) => {
      await append('one');
      await flush();
      await ends.opened;
    });
    expect(await ask('HEAD')).toEqual([200, '']);
    expect(await ask('OPTIONS')).toEqual([204, '']);
    ends.open();
    await over;
    expect(await ask('HEAD')).toEqual([200, '']);
    expect(await ask('HEAD', (await runs.status(id)).lastEventId)).toEqual([204, '']);
  });

  test.concurrent('a reading ends with its signal, and with its loop, while the run goes on', async () => {
    const { runs, other } = pair;
    const id = newId();
    const ends = gate();
    const { over } = await runs.start(id, async ({ append }) => {
      await append('one');
      await ends.opened;
    });
    const leaving = new AbortController();
    const found: RunItem[] = [];
    for await (const item of other.resume(id, { signal: leaving.signal })) {
      found.push(item);
      leaving.abort();
    }
    expect(contents(found)).toEqual(['one']);
    const waiting = other.resume(id, { lastEventId: (found[0] as { id: string }).id });
    const next = waiting.next();
    await waiting.return();
    expect(await next).toEqual({ done: true, value: undefined });
    ends.open();
    expect(await over).toBe('done');
  });
}
