import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileOutbox } from '@tidings/client/file-outbox';
import { type KeptEvent, type Outbox, Publisher, type PublisherOptions } from '@tidings/client/publisher';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { problem, StandInHub } from './publisher-hub.ts';

let folder = '';
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidings-outbox-'));
  path = join(folder, 'outbox');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const count = (length: number, from = 0): number[] => Array.from({ length }, (_, index) => from + index);

function publisherFor({ url }: { url: string }, options: PublisherOptions = {}): Publisher {
  return new Publisher(url, { retry: { initialMs: 1, maxMs: 1 }, store: fileOutbox(path), ...options });
}

/** Publishes, and ends the publisher before the hub has answered. What it was given is in the store. */
async function leave(hub: StandInHub, data: readonly unknown[], fault: 'lose-answer' | 'lose-request'): Promise<void> {
  const { fault: usual } = hub;
  hub.fault = () => fault;
  const publisher = publisherFor(hub, { maxBatchEvents: 3 });
  const published = data.map((value) => publisher.publish('a', { data: value }));
  await Promise.all(published.map(({ accepted }) => accepted));
  const first = hub.requests.length;
  while (hub.requests.length === first) await new Promise(setImmediate);
  const ended = Promise.allSettled(published);
  await publisher.close({ patienceMs: 0 });
  expect(
    (await ended).map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
  ).toEqual(data.map(() => 'ERR_CLOSED'));
  hub.fault = usual;
}

test.each(['lose-answer', 'lose-request'] as const)(
  'what was accepted is published by the next publisher, once and before what is new, after %s',
  async (fault) => {
    const hub = await StandInHub.start();
    await leave(hub, count(10), fault);
    const kept: KeptEvent[] = [];
    const publisher = publisherFor(hub, { onKept: (event) => kept.push(event) });
    const ids = await Promise.all(count(3, 10).map((data) => publisher.publish('a', { data })));
    expect(hub.data).toEqual(count(13));
    expect(ids).toEqual(['e.11', 'e.12', 'e.13']);
    expect(kept).toEqual(count(10).map((data) => ({ topic: 'a', event: { data }, id: `e.${data + 1}` })));
    await publisher.close();
    const empty = publisherFor(hub);
    await empty.flush();
    await empty.close();
    expect(hub.data).toEqual(count(13));
  },
);

test('a batch that was about to be sent is sent again with its key, and with nothing else in it', async () => {
  const hub = await StandInHub.start();
  await leave(hub, count(5), 'lose-answer');
  const [lost] = hub.requests;
  const before = hub.requests.length;
  await using publisher = publisherFor(hub);
  await publisher.publish('a', { data: 5 });
  const [again, rest] = hub.requests.slice(before);
  expect(again).toMatchObject({ key: lost!.key, body: lost!.body });
  expect(rest!.events.map(({ data }) => data)).toEqual([3, 4, 5]);
});

test('an event of an earlier run that is refused is told, and reported like an exception if nobody listens', async () => {
  const hub = await StandInHub.start();
  await leave(hub, ['bad', 1], 'lose-request');
  const kept: KeptEvent[] = [];
  await using publisher = publisherFor(hub, { onKept: (event) => kept.push(event) });
  await publisher.flush();
  expect(kept).toMatchObject([
    { topic: 'a', event: { data: 'bad' }, error: { code: 'ERR_REFUSED', problem: 'invalid-event' } },
    { id: 'e.1' },
  ]);
});

test('a program that is ended by a refusal of an earlier run starts without it the next time', async () => {
  const hub = await StandInHub.start();
  await leave(hub, ['bad', 1], 'lose-request');
  const code = `
    import { fileOutbox } from '@tidings/client/file-outbox';
    import { Publisher } from '@tidings/client/publisher';
    const publisher = new Publisher(${JSON.stringify(hub.url)}, { store: fileOutbox(${JSON.stringify(path)}) });
    await publisher.flush();
    await publisher.close();`;
  const run = async (): Promise<{ code: unknown; errors: string }> => {
    const args = ['--input-type=module', '--eval', code];
    const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'inherit', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [errors, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    return { code: exitCode, errors };
  };
  expect(await run()).toEqual({ code: 1, errors: expect.stringContaining('found 400 invalid-event') });
  expect((await contentOf()).events.map(({ line }) => line)).not.toContain('{"topic":"a","data":"bad"}');
  expect(await run()).toEqual({ code: 0, errors: '' });
  expect(hub.data).toEqual([1]);
});

/** An outbox whose writes of what is settled wait until the test lets them go on. */
class HeldOutbox implements Outbox {
  /** Resolves when such a write has begun. */
  readonly settling: Promise<void>;
  readonly #events: readonly { readonly seq: number; readonly line: string }[];
  readonly #held: Promise<void>;
  #begin!: () => void;
  /** Lets the writes go on, or fail. */
  release!: (error?: Error) => void;

  constructor(data: readonly unknown[]) {
    this.#events = data.map((value, at) => ({ seq: at + 1, line: JSON.stringify({ topic: 'a', data: value }) }));
    this.settling = new Promise((resolve) => (this.#begin = resolve));
    this.#held = new Promise((resolve, reject) => (this.release = (error) => (error ? reject(error) : resolve())));
    this.#held.catch(() => {});
  }

  async open(): ReturnType<Outbox['open']> {
    return { events: this.#events, batch: undefined };
  }

  async write(changes: Parameters<Outbox['write']>[0]): Promise<void> {
    if (!changes.some(({ type }) => type === 'settled')) return;
    this.#begin();
    await this.#held;
  }

  async close(): Promise<void> {}
}

test('nobody is told what became of events before the store has forgotten them', async () => {
  const hub = await StandInHub.start();
  const store = new HeldOutbox([1, 'bad']);
  const told: unknown[] = [];
  const publisher = publisherFor(hub, { store, onKept: ({ event }) => told.push(event.data), maxBatchEvents: 1 });
  const publications = ['bad', 2].map((data) => publisher.publish('a', { data }));
  const results = publications.map((publication) =>
    publication.then(
      (id) => told.push(id),
      (error: unknown) => told.push((error as { code: string }).code),
    ),
  );
  const flushed = publisher.flush().then(() => told.push('flushed'));
  await store.settling;
  await new Promise(setImmediate);
  expect(hub.data).toEqual([1]);
  expect(told).toEqual([]);
  store.release();
  await Promise.all([...results, flushed]);
  expect(told).toEqual([1, 'bad', 'ERR_REFUSED', 'e.2', 'flushed']);
  await publisher.close();
});

test('a refusal that ends the publisher does so when the store has forgotten its event', async () => {
  const hub = await StandInHub.start();
  const store = new HeldOutbox(['bad', 1]);
  const told: unknown[] = [];
  const publisher = publisherFor(hub, {
    store,
    stopAtRefusal: true,
    onKept: ({ event }) => told.push(event.data),
    onState: ({ phase }) => phase === 'closed' && told.push(phase),
  });
  await store.settling;
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  store.release();
  await publisher.close();
  expect(told).toEqual(['bad', 'closed']);
  expect(hub.data).toEqual([]);
});

test('if the store cannot forget events, those of an earlier run are not told, and those of this one are', async () => {
  const hub = await StandInHub.start();
  const kept: KeptEvent[] = [];
  for (const data of [[1], []]) {
    const store = new HeldOutbox(data);
    store.release(new Error('no space left'));
    const publisher = publisherFor(hub, { store, onKept: (event) => kept.push(event) });
    if (data.length === 0) expect(await publisher.publish('a', { data: 2 })).toBe('e.2');
    else await store.settling;
    await publisher.close();
    expect(publisher.state).toMatchObject({ phase: 'closed', error: { code: 'ERR_STORE' } });
  }
  expect(hub.data).toEqual([1, 2]);
  expect(kept).toEqual([]);
});

test('an answer with another number of ids is a failure, and the store keeps the events', async () => {
  const hub = await StandInHub.start();
  hub.fault = () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"id":"e.1","ids":["e.1"]}',
  });
  const publisher = publisherFor(hub);
  const results = Promise.allSettled(count(3).map((data) => publisher.publish('a', { data })));
  // The first one may have been sent alone, and its answer is whole.
  expect((await results).slice(1)).toMatchObject(count(2).map(() => ({ status: 'rejected' })));
  expect(publisher.state).toMatchObject({ phase: 'closed', error: { code: 'ERR_CONTENT_TYPE' } });
  await publisher.close();
  hub.fault = () => undefined;
  await using next = publisherFor(hub);
  await next.flush();
  expect(hub.data.slice(-2)).toEqual([1, 2]);
});

test('a hub that takes nothing of the publisher ends it, and the store keeps everything', async () => {
  const hub = await StandInHub.start();
  hub.fault = () => ({ status: 401, body: problem('unauthorized') });
  const publisher = publisherFor(hub);
  const results = Promise.allSettled(count(3).map((data) => publisher.publish('a', { data })));
  expect(await results).toMatchObject(count(3).map(() => ({ status: 'rejected', reason: { code: 'ERR_CLOSED' } })));
  expect(publisher.state).toMatchObject({ phase: 'closed', error: { code: 'ERR_STATUS', status: 401 } });
  await publisher.close();
  hub.fault = () => undefined;
  await using next = publisherFor(hub);
  await next.flush();
  expect(hub.data).toEqual(count(3));
});

test('two publishers cannot have one file, neither of this process nor of another', async () => {
  const hub = await StandInHub.start();
  const first = publisherFor(hub);
  await first.publish('a', { data: 1 });
  const second = publisherFor(hub);
  await expect(second.publish('a', { data: 2 })).rejects.toMatchObject({
    code: 'ERR_CLOSED',
    cause: {
      code: 'ERR_STORE',
      message: `could not open the store: ${path} is in use by this process, only one publisher at a time may have it`,
    },
  });
  await second.close();
  await first.close();

  const child = await Holder.start(path);
  const other = publisherFor(hub);
  await expect(other.flush()).rejects.toThrow(`${path} is in use by the process ${child.pid}, only one`);
  await other.close();
  // A process that is killed leaves its lock behind.
  await child.kill();
  await using last = publisherFor(hub);
  await last.publish('a', { data: 3 });
  expect(hub.data).toEqual([1, 3]);
});

test('a link to the file gives it no second lock, and stays a link', async () => {
  const hub = await StandInHub.start();
  const byLink = join(folder, 'link');
  symlinkSync(path, byLink);
  const first = publisherFor(hub);
  // It is long enough to be written anew.
  const large = 'x'.repeat(40_000);
  await first.publish('a', { data: 1 });
  const second = publisherFor(hub, { store: fileOutbox(byLink) });
  await expect(second.flush()).rejects.toThrow(`${realpathSync(path)} is in use by this process, only one`);
  await second.close();
  await first.close();
  await using last = publisherFor(hub, { store: fileOutbox(byLink) });
  for (const at of count(60)) await last.publish('a', { data: `${at} ${large}` });
  expect(statSync(path).size).toBeLessThan(60 * 40_000);
  expect(readlinkSync(byLink)).toBe(path);
  expect(readdirSync(folder).toSorted()).toEqual(['link', 'outbox', 'outbox.lock.2']);
});

test('of many that want the lock of a process that is gone, one gets it', async () => {
  for (let round = 0; round < 10; round++) {
    const name = join(folder, `contended-${round}`);
    writeFileSync(`${name}.lock.3`, JSON.stringify({ pid: 2 ** 30, host: 'elsewhere', started: '', at: 0 }));
    const past = new Date(Date.now() - 60_000);
    utimesSync(`${name}.lock.3`, past, past);
    const boxes = count(8).map(() => fileOutbox(name));
    const results = await Promise.allSettled(boxes.map((box) => box.open()));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await Promise.all(boxes.map((box) => box.close()));
  }
});

test('a lock of another machine counts until it shows no sign of life', async () => {
  writeFileSync(`${path}.lock.1`, JSON.stringify({ pid: 1, host: 'elsewhere', started: '', at: Date.now() }));
  await expect(fileOutbox(path).open()).rejects.toThrow(
    /in use by the process 1 on elsewhere, .* it is free after 30 s$/,
  );
});

/** What tells the processes of this container from those of others, as far as the system says. */
function ownSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

test('a process of another container on the same machine is not looked for among those of this one', async () => {
  const owner = { pid: 2 ** 30, host: hostname(), space: 'pid:[1]', started: '', at: Date.now() };
  writeFileSync(`${path}.lock.1`, JSON.stringify(owner));
  await expect(fileOutbox(path).open()).rejects.toThrow(
    `in use by the process ${owner.pid} in another container of ${hostname()}, `,
  );
  writeFileSync(`${path}.lock.1`, JSON.stringify({ ...owner, space: ownSpace() }));
  const box = fileOutbox(path);
  await box.open();
  await box.close();
});

test.skipIf(!existsSync('/proc/self/stat'))(
  'a process that has ended holds nothing, though its parent does not ask for its end',
  async () => {
    // The shell waits for what it started only after it has read a line.
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; read line'], { stdio: ['pipe', 'pipe', 'ignore'] });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(said.toString());
    const started = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${statusOf(child)[19]}`;
    const owner = { pid: child, host: hostname(), space: ownSpace(), started, at: Date.now() };
    writeFileSync(`${path}.lock.1`, JSON.stringify(owner));
    await expect(fileOutbox(path).open()).rejects.toThrow(`in use by the process ${child}, `);
    process.kill(parent.pid!, 'SIGSTOP');
    process.kill(child, 'SIGKILL');
    await expect.poll(() => statusOf(child)[0]).toBe('Z');
    const box = fileOutbox(path);
    await box.open();
    await box.close();
  },
);

/** What the system tells of a process, from its state on. */
function statusOf(id: number): string[] {
  return readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
}

test('what was left by processes that were killed while they took the lock is removed', async () => {
  const [old, fresh] = [`${path}.lock-7-abc`, `${path}.lock-8-def`];
  for (const name of [old, fresh]) writeFileSync(name, '{}');
  const past = new Date(Date.now() - 60_000);
  utimesSync(old, past, past);
  const box = fileOutbox(path);
  await box.open();
  await box.close();
  expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
});

test('the number of a process that is gone may have been given to another one', async () => {
  const owner = { pid: process.pid, host: hostname(), space: ownSpace(), started: 'another start', at: Date.now() };
  writeFileSync(`${path}.lock.1`, JSON.stringify(owner));
  const box = fileOutbox(path);
  if (existsSync('/proc/self/stat')) await box.open();
  else await expect(box.open()).rejects.toThrow('in use');
  await box.close();
});

/** Writes a few events into a file and closes it. */
async function filled(): Promise<void> {
  const box = fileOutbox(path);
  await box.open();
  await box.write([{ type: 'event', seq: 1, line: '{"topic":"a","data":"é\u2028\ud83d\ude00"}' }]);
  await box.write([
    { type: 'event', seq: 2, line: '{"topic":"a","data":2}' },
    { type: 'batch', batch: { key: 'k', first: 1, last: 2, sentAt: 7 } },
  ]);
  await box.close();
}

async function contentOf(): Promise<Awaited<ReturnType<Outbox['open']>>> {
  const box = fileOutbox(path);
  try {
    return await box.open();
  } finally {
    await box.close();
  }
}

test('a file that was cut off anywhere has every block that is whole', async () => {
  await filled();
  const whole = readFileSync(path);
  const full = await contentOf();
  expect(full).toEqual({
    events: [
      { seq: 1, line: '{"topic":"a","data":"é\u2028\ud83d\ude00"}' },
      { seq: 2, line: '{"topic":"a","data":2}' },
    ],
    batch: { key: 'k', first: 1, last: 2, sentAt: 7 },
  });
  const firstEnd = whole.indexOf('\n', whole.indexOf('\n= ') + 1) + 1;
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const { events, batch } = await contentOf();
    expect([events.length, batch], `cut off after ${length} bytes`).toEqual([length < firstEnd ? 0 : 1, undefined]);
    // The rest is gone, so that what is written next follows something whole.
    const box = fileOutbox(path);
    await box.open();
    await box.write([{ type: 'event', seq: 9, line: '{"topic":"a","data":9}' }]);
    await box.close();
    expect((await contentOf()).events.at(-1)?.seq).toBe(9);
  }
});

test('a file that is damaged before its end, or none of an outbox, is refused and left as it is', async () => {
  await filled();
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('"data"') + 2] = 0x7e;
  writeFileSync(path, bytes);
  await expect(contentOf()).rejects.toThrow('it is damaged at byte 17, although what follows is whole');
  expect(readFileSync(path)).toEqual(bytes);
  writeFileSync(path, 'my diary\n');
  await expect(contentOf()).rejects.toThrow(`${path}: it is no outbox: its first line is not "tidings-outbox 1"`);
  expect(readFileSync(path, 'utf8')).toBe('my diary\n');
});

test('one changed bit anywhere is found out, in the last block too, and the file is left as it is', async () => {
  await filled();
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << bit;
      writeFileSync(path, bytes);
      const found = await contentOf().then(
        () => 'opened',
        (error: unknown) => String(error),
      );
      expect(found, `bit ${bit} of byte ${at}`).toMatch(/it is damaged at byte \d+, |it is no outbox/);
      expect(readFileSync(path)).toEqual(bytes);
    }
  }
  const last = whole.lastIndexOf('\n', whole.indexOf('E 2 ')) + 1;
  const bytes = Buffer.from(whole);
  bytes[last + 30]! ^= 1;
  writeFileSync(path, bytes);
  await expect(contentOf()).rejects.toThrow(
    `${path}: it is damaged at byte ${last}, in its last block, which was written to its end: ` +
      `cut it off at byte ${last} to go on without the events behind that, or move it away to begin with an empty outbox`,
  );
  writeFileSync(path, bytes.subarray(0, last));
  expect((await contentOf()).events).toHaveLength(1);
});

test('a block of which sectors were not on disk when the power failed is one that was cut off', async () => {
  await filled();
  const before = readFileSync(path).length;
  const box = fileOutbox(path);
  await box.open();
  await box.write([{ type: 'event', seq: 3, line: JSON.stringify({ topic: 'a', data: 'x'.repeat(2000) }) }]);
  await box.close();
  const whole = readFileSync(path);
  const sectors = [before, 512, 1024, 1536, 2048, whole.length].filter((at, index) => index === 0 || at > before);
  for (let first = 0; first < sectors.length - 1; first++) {
    for (let end = first + 1; end < sectors.length; end++) {
      const bytes = Buffer.from(whole).fill(0, sectors[first], sectors[end]);
      writeFileSync(path, bytes);
      expect((await contentOf()).events.map(({ seq }) => seq)).toEqual([1, 2]);
    }
  }
  // Zeros of another length are no such sectors.
  writeFileSync(path, Buffer.from(whole).fill(0, 1100, 1200));
  await expect(contentOf()).rejects.toThrow(`it is damaged at byte ${before}, in its last block`);
});

test('a file that is full of what is settled is written anew, and has what is left', async () => {
  const box = fileOutbox(path);
  await box.open();
  const line = JSON.stringify({ topic: 'a', data: 'x'.repeat(100_000) });
  let largest = 0;
  for (const seq of count(100, 1)) {
    await box.write([
      { type: 'event', seq, line },
      ...(seq > 3 ? [{ type: 'settled', first: seq - 3, last: seq - 3 } as const] : []),
      { type: 'batch', batch: { key: 'k', first: seq, last: seq, sentAt: seq } },
    ]);
    largest = Math.max(largest, statSync(path).size);
  }
  expect(largest).toBeLessThan(2_000_000);
  await box.close();
  const { events, batch } = await contentOf();
  expect(events).toEqual(count(3, 98).map((seq) => ({ seq, line })));
  expect(batch).toEqual({ key: 'k', first: 100, last: 100, sentAt: 100 });
  expect(readdirSync(folder).filter((name) => !name.includes('.lock.'))).toEqual(['outbox']);
});

test('a store that fails ends the publisher, and says why', async () => {
  const hub = await StandInHub.start();
  const store: Outbox = {
    open: async () => ({ events: [], batch: undefined }),
    write: () => Promise.reject(new Error('no space left')),
    close: async () => {},
  };
  const publisher = publisherFor(hub, { store });
  const publication = publisher.publish('a', { data: 1 });
  await expect(publication.accepted).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(publication).rejects.toMatchObject({
    code: 'ERR_CLOSED',
    cause: { code: 'ERR_STORE', message: 'could not write to the store: no space left' },
  });
  await publisher.close();
  expect(hub.requests).toEqual([]);
});

test.each([undefined, '', 5])('an outbox needs a path, and %j is refused at once', (given) => {
  const make = (): unknown => fileOutbox(given as string);
  expect(make).toThrow(expect.objectContaining({ name: 'InvalidOptionError', code: 'ERR_INVALID_OPTION' }));
  expect(make).toThrow(/^path has to be the path of a file, found /);
});

/** Another process that has an outbox open. */
class Holder {
  readonly #child: ReturnType<typeof spawn>;

  private constructor(child: ReturnType<typeof spawn>) {
    this.#child = child;
  }

  static async start(file: string): Promise<Holder> {
    const code = `
      import { fileOutbox } from '@tidings/client/file-outbox';
      await fileOutbox(${JSON.stringify(file)}).open();
      console.log('open');
      setInterval(() => {}, 1e9);`;
    const args = ['--input-type=module', '--eval', code];
    const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return new Holder(child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
