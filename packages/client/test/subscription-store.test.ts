import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidOptionError, localStorageStore, type PositionStore, StoreError, subscribe } from '@tidings/client';
import { fileStore } from '@tidings/client/file-store';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { settle } from './scripted-fetch.ts';
import { failureOf, start, URL } from './subscription-harness.ts';

class MemoryStore implements PositionStore {
  readonly writes: string[] = [];
  readonly #first: string | undefined;
  constructor(first?: string) {
    this.#first = first;
  }
  get(): string | undefined {
    return this.#first;
  }
  set(id: string): void {
    this.writes.push(id);
  }
}

const THREE = 'id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n';

describe('a store', () => {
  test.each([
    ['at once', new MemoryStore('7')],
    ['later', { get: () => Promise.resolve('7'), set: () => {} }],
  ])('that answers %s says where to begin, before lastEventId', async (_, store) => {
    const { server } = start({ store, lastEventId: '3' });
    expect((await server.request(0)).init.headers['last-event-id']).toBe('7');
  });

  test.each([undefined, null, ''])('that holds %j leaves it to lastEventId', async (held) => {
    const { server } = start({ store: { get: () => held, set: () => {} }, lastEventId: '3' });
    expect((await server.request(0)).init.headers['last-event-id']).toBe('3');
  });

  test('is given the ID of an event once its handling is over, not before', async () => {
    const store = new MemoryStore();
    const { server, clock, events, next } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send(THREE);
    await settle();
    await next();
    clock.advance(1_000);
    await settle();
    expect(store.writes).toEqual([]);
    await next();
    clock.advance(1_000);
    await settle();
    expect(store.writes).toEqual(['1']);
    await next();
    void events.next();
    clock.advance(1_000);
    await settle();
    expect(store.writes).toEqual(['1', '3']);
  });

  test.each(['a\u0001b', 'i'.repeat(8_001)])('keeps what it has where no header can carry the new ID', async (id) => {
    const store = new MemoryStore();
    const { server, clock, next } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send(`id: 1\ndata: a\n\nid: ${id}\ndata: b\n\ndata: c\n\n`);
    for (let taken = 0; taken < 3; taken++) {
      await next();
      clock.advance(1_000);
      await settle();
    }
    expect(store.writes).toEqual(['1']);
  });

  test('is written again after an ID that no header can carry', async () => {
    const store = new MemoryStore();
    const { server, clock, next } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send('id: a\u0001b\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n');
    for (let taken = 0; taken < 3; taken++) {
      await next();
      clock.advance(1_000);
      await settle();
    }
    expect(store.writes).toEqual(['2']);
  });

  test('is written no more often than its interval allows, with the newest', async () => {
    const store = new MemoryStore();
    const { server, clock, events } = start({ store, storeIntervalMs: 1_000 });
    const request = await server.request(0);
    request.open();
    for (let id = 1; id <= 20; id++) {
      request.send(`id: ${id}\ndata: a\n\n`);
      await events.next();
      clock.advance(100);
      await settle();
    }
    expect(store.writes).toEqual(['1', '11']);
  });

  test('is given the ID of a heartbeat where nothing before it is left to handle', async () => {
    const store = new MemoryStore();
    const { server, clock, events, next } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\n');
    await next();
    request.send('event: tidings-heartbeat\nid: 5\ndata:\n\n');
    await settle();
    clock.advance(1_000);
    expect(store.writes).toEqual([]);
    void events.next();
    clock.advance(1_000);
    await settle();
    request.send('event: tidings-heartbeat\nid: 6\ndata:\n\n');
    await settle();
    clock.advance(1_000);
    await settle();
    expect(store.writes).toEqual(['5', '6']);
  });

  test('has what was handled when the loop is over, and not the event at which the loop was left', async () => {
    const store = new MemoryStore();
    const { server, subscription } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send(THREE);
    for await (const { data } of subscription) if (data === 'b') break;
    expect(store.writes).toEqual(['1']);
  });

  test('has the event at which the subscription was closed and the loop went on, and none that was forgotten', async () => {
    const store = new MemoryStore();
    const { server, subscription } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send(THREE);
    for await (const { data } of subscription) if (data === 'b') subscription.close();
    expect(store.writes.at(-1)).toBe('2');
    expect(subscription.lastEventId).toBe('2');
  });

  test('has the last ID when the iteration is done', async () => {
    const store = new MemoryStore();
    const { server, subscription } = start({ store, until: ({ data }) => data === 'c' });
    const request = await server.request(0);
    request.open();
    request.send(THREE);
    for await (const { data } of subscription) expect(['a', 'b']).toContain(data);
    expect(store.writes.at(-1)).toBe('3');
  });

  test('is not written again before the write under way is over', async () => {
    const waiting: (() => void)[] = [];
    const writes: string[] = [];
    const store: PositionStore = {
      get: () => '',
      set: async (id) => {
        writes.push(id);
        await new Promise<void>((resolve) => waiting.push(resolve));
      },
    };
    const { server, clock, next } = start({ store, storeIntervalMs: 0 });
    const request = await server.request(0);
    request.open();
    request.send(`${THREE}id: 4\ndata: d\n\n`);
    await next();
    await next();
    clock.advance(1);
    expect(writes).toEqual(['1']);
    await next();
    await next();
    clock.advance(1_000);
    await settle();
    expect(writes).toEqual(['1']);
    waiting.shift()!();
    await settle();
    clock.advance(1_000);
    await settle();
    expect(writes).toEqual(['1', '3']);
  });

  const broken = new Error('the disk is gone');
  test.each([
    ['throws', () => expect.unreachable('broken')],
    ['rejects', () => Promise.reject(broken)],
    ['answers with an ID that no header can carry', () => 'a\nb'],
  ])('that %s when it is read ends the subscription before anything is asked for', async (_, get) => {
    const { server, events, subscription } = start({ store: { get, set: () => {} } });
    const error = await failureOf(events.next());
    expect((error as { code: string }).code).toMatch(/^ERR_(?:STORE|INVALID_OPTION)$/);
    expect(server.requests).toHaveLength(0);
    expect(subscription.state.phase).toBe('closed');
  });

  test('that cannot be written ends the iteration with what it threw', async () => {
    const store: PositionStore = { get: () => '', set: () => Promise.reject(broken) };
    const { server, clock, next, events } = start({ store });
    const request = await server.request(0);
    request.open();
    request.send(THREE);
    await next();
    await next();
    clock.advance(1_000);
    await settle();
    const error = await failureOf(events.next());
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: 'ERR_STORE', cause: broken });
  });

  test('has to be one', () => {
    expect(() => subscribe(URL, { store: {} as never })).toThrow(InvalidOptionError);
  });
});

describe('localStorage', () => {
  afterEach(() => void vi.unstubAllGlobals());

  test('keeps the position under its key', () => {
    const items = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
    });
    const store = localStorageStore('position');
    expect(store.get()).toBe(null);
    void store.set('e.1');
    expect([...items]).toEqual([['position', 'e.1']]);
    expect(localStorageStore('position').get()).toBe('e.1');
    expect(localStorageStore('other').get()).toBe(null);
  });
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-store-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('keeps the position', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tidings-store-')), 'position');
    const store = fileStore(path);
    expect(await store.get()).toBe(undefined);
    await store.set('e.1');
    await store.set('ü.2');
    expect(await fileStore(path).get()).toBe('ü.2');
    expect(readFileSync(path, 'utf8')).toBe('ü.2');
    expect(readdirSync(join(path, '..'))).toEqual(['position']);
    rmSync(join(path, '..'), { recursive: true });
  });

  test('that a link leads to is replaced, and the link stays', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tidings-store-')), 'position');
    const link = `${path}-link`;
    symlinkSync(path, link);
    await fileStore(path).set('e.1');
    await fileStore(link).set('e.2');
    expect([readFileSync(path, 'utf8'), readlinkSync(link)]).toEqual(['e.2', path]);
    rmSync(join(path, '..'), { recursive: true });
  });

  test('that holds something else is not read', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tidings-store-')), 'position');
    writeFileSync(path, 'x'.repeat(100_000));
    await expect(fileStore(path).get()).rejects.toThrow(`${path}: found more than 65536 bytes, which is no position`);
    rmSync(join(path, '..'), { recursive: true });
  });

  test.each(['e.7\n', 'e.7\r\n', 'e.7'])('that holds %j has the position e.7', async (text) => {
    const path = join(mkdtempSync(join(tmpdir(), 'tidings-store-')), 'position');
    writeFileSync(path, text);
    expect(await fileStore(path).get()).toBe('e.7');
    rmSync(join(path, '..'), { recursive: true });
  });

  test('that is a folder is named', async () => {
    const path = mkdtempSync(join(tmpdir(), 'tidings-store-'));
    const expected = { message: expect.stringMatching(`${path}: EISDIR`) as string, code: 'EISDIR' };
    await expect(fileStore(path).get()).rejects.toMatchObject(expected);
    await expect(fileStore(path).set('1')).rejects.toThrow(path);
    rmSync(path, { recursive: true });
    rmSync(`${path}.new`);
  });

  test.each([undefined, '', 5])('needs a path, and %j is refused at once', (path) => {
    const make = (): unknown => fileStore(path as string);
    expect(make).toThrow(expect.objectContaining({ name: 'InvalidOptionError', code: 'ERR_INVALID_OPTION' }));
    expect(make).toThrow(/^path has to be the path of a file, found /);
  });

  test('in a folder that there is not ends the subscription before anything is requested', async () => {
    const store = fileStore(join(folder, 'none', 'position'));
    const { server, events } = start({ store });
    const error = await failureOf(events.next());
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'ERR_STORE',
      message: `could not read the position: ${join(folder, 'none', 'position')}: its folder does not exist`,
    });
    expect(server.requests).toHaveLength(0);
    await expect(store.set('1')).rejects.toThrow('ENOENT');
  });
});

describe('dedupe', () => {
  test('leaves out an event that brings an id again', async () => {
    const { server, clock, next } = start({ dedupe: 10, lastEventId: '1' });
    const first = await server.request(0);
    first.open();
    first.send('id: 1\ndata: a\n\nid: 2\ndata: b\n\n');
    first.end();
    await settle();
    clock.advance(1_000);
    const second = await server.request(1);
    second.open();
    second.send('id: 2\ndata: b\n\nid: 3\ndata: c\n\n');
    expect([(await next()).data, (await next()).data]).toEqual(['b', 'c']);
  });

  test('leaves out no event that has no id of its own', async () => {
    const { server, next } = start({ dedupe: 10 });
    const request = await server.request(0);
    request.open();
    request.send('data: a\n\nid: 2\ndata: b\n\ndata: c\n\ndata: c\n\nid\ndata: d\n\nid\ndata: e\n\n');
    const data = [];
    for (let event = 0; event < 6; event++) data.push((await next()).data);
    expect(data).toEqual(['a', 'b', 'c', 'c', 'd', 'e']);
  });

  test('remembers no more than it is told to', async () => {
    const { server, next } = start({ dedupe: 2 });
    const request = await server.request(0);
    request.open();
    for (const id of [1, 2, 3, 2, 1, 3]) request.send(`id: ${id}\ndata: ${id}\n\n`);
    request.send('data: end\n\n');
    const data = [];
    while (data.at(-1) !== 'end') data.push((await next()).data);
    expect(data).toEqual(['1', '2', '3', '1', '3', 'end']);
  });

  test('is off unless asked for: some servers give several events one id', async () => {
    const { server, next } = start();
    const request = await server.request(0);
    request.open();
    request.send('id: 1\ndata: a\n\nid: 1\ndata: b\n\n');
    expect([(await next()).data, (await next()).data]).toEqual(['a', 'b']);
  });

  test('has to be a number of ids', () => {
    expect(() => subscribe(URL, { dedupe: -1 })).toThrow('dedupe');
  });
});
