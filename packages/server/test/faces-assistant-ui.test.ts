import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createResumableStreamStore, type ResumableStreamStore } from '@tidings/server/assistant-ui';
import { MemoryLog } from '@tidings/server/log';
import { Runs } from '@tidings/server/runs';
import { createResumableStreamContext, type ResumableStreamStore as TheirStore } from 'assistant-stream/resumable';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * The tests that are about an option of the package's own store in memory, by that option: the first one that they give. What of them concerns ours, too, is in
 * faces-assistant-ui-store.test.ts.
 */
const PRIVATE: Readonly<Record<string, readonly string[]>> = {
  now: [
    'keeps a producer that outlived its TTL out of the stream a second run reacquired',
    'reports the superseded append through onError only',
    'reports a fenced done finalize through onError only',
    'does not report a fenced error finalize',
    'needs no particular error message from the store',
    'does not sweep 10 retained streams before an expiry is due',
    'does not sweep 1000 retained streams before an expiry is due',
    'honors a shorter per-stream TTL and reclaims capacity at the deadline',
    'keeps refreshed and finalized streams until their new deadlines',
    'keeps a superseded producer out of a stream reacquired on the same instance',
  ],
  maxChunkBytes: [
    'publishes append errors before source cancellation settles with resolve',
    'publishes append errors before source cancellation settles with reject',
    'awaits source cleanup when error finalization is fenced',
    'awaits source cleanup when error finalization is failed',
    'rejects append when chunk exceeds maxChunkBytes',
  ],
  defaultTtlMs: [
    'wakes a waiting reader when its stream expires',
    'waits for updates without overflowing native timers with a long default TTL',
    'keeps a long TTL past the timer limit and expires at its full deadline',
    'expired streams are evicted on next access',
    'appending refreshes TTL',
    'gc sweeper evicts expired streams without explicit access',
  ],
  maxEntriesPerStream: ['rejects append when stream reaches maxEntriesPerStream'],
  maxStreams: ['rejects acquire when active stream count exceeds maxStreams'],
  gcIntervalMs: ['dispose clears the gc interval'],
};

test('the tests that assistant-stream ships pass, but for those of its store’s own options', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-assistant-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const report = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const config = join(import.meta.dirname, 'assistant-stream/vitest.config.ts');
  const args = [vitest, 'run', '--config', config, '--reporter=json', `--outputFile=${report}`];
  // It fails, because of those.
  await expect(promisify(execFile)(process.execPath, args, { cwd: ROOT })).rejects.toMatchObject({ code: 1 });
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = results.filter(({ status }) => status !== 'passed');
  const reasons: Record<string, string[]> = {};
  // One spies on a timer of its store instead.
  for (const {
    title,
    failureMessages: [message = ''],
  } of failed) {
    const [, option = 'gcIntervalMs'] = /^Error: The option (\w+) is the store’s own/.exec(message) ?? [];
    (reasons[option] ??= []).push(title);
  }
  expect(reasons).toEqual(PRIVATE);
  expect(results.length - failed.length).toBe(55);
});

function makeStore(log: MemoryLog, lease: string = '15s'): TheirStore & ResumableStreamStore {
  return createResumableStreamStore({ runs: new Runs({ log }), lease });
}

function makeLog(): MemoryLog {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  return log;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textOf(store: TheirStore, cursor: string = ''): Promise<string> {
  let text = '';
  for await (const { chunk } of store.read('a', cursor, new AbortController().signal)) {
    text += new TextDecoder().decode(chunk);
  }
  return text;
}

async function leaseOf(store: ResumableStreamStore): Promise<{ readonly token: string }> {
  const acquisition = await store.acquireLease('a');
  if (acquisition.role !== 'producer') throw new Error('Another is the producer');
  return acquisition.lease;
}

test('a producer that was superseded changes nothing', async () => {
  const log = makeLog();
  const [first, second] = [makeStore(log), makeStore(log)];
  const lease = await leaseOf(first);
  await first.append('a', bytes('old'), lease);
  await second.delete('a');
  const fresh = await leaseOf(second);
  await second.append('a', bytes('new'), fresh);
  await expect(first.append('a', bytes('late'), lease)).rejects.toMatchObject({ code: 'missing' });
  expect(await first.finalize('a', 'done', undefined, lease)).toBe(false);
  // Nor does it through the store of the new one.
  await expect(second.append('a', bytes('late'), lease)).rejects.toMatchObject({ code: 'missing' });
  expect(await second.finalize('a', 'done', undefined, lease)).toBe(false);
  expect(await second.status('a')).toBe('streaming');
  expect(await second.finalize('a', 'done', undefined, fresh)).toBe(true);
  expect(await second.finalize('a', 'done', undefined, fresh)).toBe(false);
  expect(await textOf(first)).toBe('new');
});

test('a stream whose producer’s process is gone ends with an error within its lease', async () => {
  const log = makeLog();
  const runs = new Runs({ log });
  const lease = await runs.store.acquire('a', { leaseMs: 1000, ttlMs: 60_000 });
  await runs.store.append(lease!, [bytes('part')]);
  const context = createResumableStreamContext({ store: makeStore(log) });
  const stream = await context.resume('a');
  const reader = stream!.getReader();
  expect((await reader.read()).value).toEqual(bytes('part'));
  await expect(reader.read()).rejects.toThrow('is lost: its producer has gone without a word');
  expect(await context.status('a')).toBe('error');
});

test('a producer that is silent for longer than its lease keeps its stream', async () => {
  const log = makeLog();
  const store = makeStore(log, '1s');
  const lease = await leaseOf(store);
  const { leasedUntil } = await new Runs({ log }).status('a');
  // Until the lease was renewed, and it is later than it would have ended.
  let status = await new Runs({ log }).status('a');
  while (status.leasedUntil === leasedUntil || Date.now() <= leasedUntil!) {
    await new Promise((resolve) => void setTimeout(resolve, 50));
    status = await new Runs({ log }).status('a');
  }
  expect(status.state).toBe('streaming');
  await store.append('a', bytes('late'), lease);
  await store.finalize('a', 'error', 'boom', lease);
  await expect(textOf(store)).rejects.toThrow('boom');
});

test('a producer that was forgotten does not live for ever', async () => {
  const log = makeLog();
  const store = createResumableStreamStore({ runs: new Runs({ log }), lease: '1s', ttl: '1s' });
  await store.acquire('a');
  // It ends with its lease, and is then forgotten.
  await expect(textOf(store)).rejects.toThrow('is lost');
});

test('mistakes are refused', async () => {
  const store = makeStore(makeLog());
  await expect(store.acquire('a b')).rejects.toMatchObject({ name: 'ResumableStreamError', code: 'invalid-id' });
  await expect(store.acquire('..')).rejects.toMatchObject({ code: 'invalid-id' });
  await expect(store.acquire(5 as never)).rejects.toMatchObject({ code: 'invalid-id' });
  await expect(store.acquire(null as never)).rejects.toMatchObject({ code: 'invalid-id' });
  await expect(store.acquire('a', { ttlMs: 5 })).rejects.toThrow('The option ttl is 5');
  expect(() => createResumableStreamStore({ runs: {} as Runs })).toThrow('must be a Runs');
});

test('a cursor that no chunk of a stream has is refused, when it is over and while it goes on', async () => {
  const log = makeLog();
  const store = makeStore(log);
  const lease = await leaseOf(store);
  for (const text of ['1', '2', '3']) await store.append('a', bytes(text), lease);
  const live = textOf(store, '4');
  // It has asked what there is by then.
  const first = store.read('a', '3', new AbortController().signal)[Symbol.asyncIterator]().next();
  live.catch(() => {});
  await new Promise((resolve) => void setImmediate(resolve));
  for (const text of ['4', '5']) await store.append('a', bytes(text), lease);
  expect((await first).value).toMatchObject({ cursor: '4' });
  await expect(live).rejects.toThrow('no chunk with the cursor "4"');
  await store.finalize('a', 'done', undefined, lease);
  for (const cursor of ['6', '99', 'zz', '-1', ' 2', '2.5', 'é', 'A']) {
    await expect(textOf(store, cursor)).rejects.toMatchObject({ code: 'missing' });
  }
  expect(await Promise.all(['', '0', '2', '5'].map((cursor) => textOf(store, cursor)))).toEqual([
    '12345',
    '12345',
    '345',
    '',
  ]);
});
