import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { dirname, join } from 'node:path';
import { EVERYTHING, MemoryLog, type NewEvent } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import { eventLogCases, ManualClock } from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { secretOf } from '../dist/log/mark.js';
import { Recorder } from '../dist/log/testing/recorder.js';
import { hosted } from './hosted.ts';
import { HostProcess } from './log-host.ts';

let host: HostProcess;
beforeAll(() => {
  host = new HostProcess();
});
afterAll(() => host.close());

describe('a log in another process, over a Unix socket, as an EventLog', () => {
  for (const { name, run } of eventLogCases([
    'time',
    'trim',
    'directory',
    'states',
    'values',
    'exact',
    'epochs',
    'cut',
  ])) {
    test(name, () => run((options) => host.open(options)));
  }
});

const event = (data: string): NewEvent => ({ topics: ['a'], fields: { data } });

/** A message as it is sent. */
function frame(message: unknown): Buffer {
  const head = Buffer.from(JSON.stringify(message));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(head.length + 4, 0);
  lengths.writeUInt32BE(head.length, 4);
  return Buffer.concat([lengths, head]);
}

/** What comes from a socket until it is closed. */
async function bytesOf(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('the process of a log', () => {
  test('closes connections on which something else comes, and goes on', async () => {
    const { path, open, logHost } = await hosted();
    const hello = frame({ is: 'hello', version: 2 });
    const mistakes = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0, 0, 0, 1, 0]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
      Buffer.from([0, 0, 0, 6, 0, 0, 1, 0, 0x7b, 0x7d]),
      frame({ is: 'hello', version: 3 }),
      frame({ is: 'ask', id: 1, question: { op: 'trim' } }),
      Buffer.concat([hello, frame({ is: 'another' })]),
      Buffer.concat([hello, frame('hello')]),
    ];
    for (const bytes of mistakes) {
      const socket = connect(path);
      socket.on('error', () => {}).write(bytes);
      await bytesOf(socket).catch(() => {});
    }
    const log = await open();
    expect((await log.append([event('1')])).seq).toBe(1);
    expect(logHost.connections).toBe(1);
  });

  test('of another version is not used', async () => {
    const { path } = await hosted();
    const other = `${path}.other`;
    const server = createServer((socket) => {
      socket.on('error', () => {}).write(frame({ is: 'hello', version: 7 }));
    }).listen(other);
    onTestFinished(() => void server.close());
    await expect(RemoteLog.open({ path: other })).rejects.toMatchObject({
      code: 'ERR_STORE_AWAY',
      cause: { message: 'The process of the log speaks version 7, and this one 2' },
    });
    await expect(RemoteLog.open({ path: `${path}.nobody` })).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
  });

  test('is known to be gone if its stream is lost with its first word', async () => {
    const [near, far] = duplexPair();
    const facts = { trimmedIsExact: true, has: [] };
    const hello = frame({ is: 'hello', version: 2, facts, number: 1, marks: '', secret: '' });
    far.on('error', () => {}).write(Buffer.concat([hello, Buffer.from([0x7f, 0xff, 0xff, 0xff])]));
    const log = await RemoteLog.open({ socket: near });
    await log.gone;
    await expect(log.locate('earliest')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
  });

  test.skipIf(process.platform === 'win32')('does not listen where other users could connect', async () => {
    const { logHost, path } = await hosted();
    chmodSync(dirname(path), 0o750);
    await expect(logHost.listen(`${path}.2`)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/has the mode 750, so others than its owner could use the log through it/),
    });
    chmodSync(dirname(path), 0o700);
    await expect(logHost.listen(path)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(logHost.listen(join(path, 'x'))).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  test.skipIf(process.platform === 'win32')('removes no file, and is at no other path than the given one', async () => {
    const { logHost, path } = await hosted();
    const file = `${path}.file`;
    writeFileSync(file, 'kept');
    await expect(logHost.listen(file)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/There is something else than a socket at .*\.file/),
    });
    expect(readFileSync(file, 'utf8')).toBe('kept');
    mkdirSync(`${path}.folder`);
    await expect(logHost.listen(`${path}.folder`)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    const names = readdirSync(dirname(path));
    await expect(logHost.listen(`${path}${'x'.repeat(150)}`)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/has \d+ bytes, and a socket takes \d+/),
    });
    expect(readdirSync(dirname(path))).toEqual(names);
  });

  test('leaves a process behind that does not read, which then reads what it has missed', async () => {
    const { kept, path } = await hosted({ maxUnreadBytes: 64 * 1024 });
    const socket = connect(path);
    const log = await RemoteLog.open({ socket });
    const recorder = new Recorder();
    log.follow(recorder);
    await recorder.started();
    await kept.append([event('before')]);
    await recorder.reached(1);
    socket.pause();
    // More than the system keeps of what is not read, and the limit.
    for (let count = 0; count < 64; count += 1) await kept.append([event('x'.repeat(64 * 1024))]);
    socket.resume();
    await recorder.until(() => recorder.losses === 1 && recorder.starts.length === 2);
    await kept.append([event('after')]);
    await recorder.reached(66);
    expect(recorder.steps.slice(-3)).toEqual(['lost', 'start 65', 'batch 66']);
    const { seqs } = recorder;
    const read: number[] = [];
    for (let after = seqs.at(-2)!; after < 65;) {
      const page = await log.read({ selection: EVERYTHING, after, through: 65, maxBytes: 2 ** 24 });
      read.push(...page.entries.map(({ seq }) => seq));
      after = page.through;
    }
    expect([...seqs.slice(0, -1), ...read, 66]).toEqual(Array.from({ length: 66 }, (_, index) => index + 1));
    await log.close();
  });

  test('is not sent more appends than fit, and those of a lost connection may be repeated by their key', async () => {
    const { kept, open, logHost } = await hosted();
    const log = await open({ maxWaitingBytes: 1000 });
    const appends = [event('x'.repeat(2000)), event('y')].map((each) => log.append([each]));
    await expect(appends[1]).rejects.toMatchObject({ code: 'ERR_TOO_MUCH_WAITS' });
    expect((await appends[0]!).seq).toBe(1);
    const first = log.append([event('z')], { key: 'k' });
    logHost.close();
    await expect(first).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    await expect(log.locate('earliest')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    // Whether it was stored or not, it is stored once.
    const again = await kept.append([event('z')], { key: 'k' });
    expect(again.seq).toBe(2);
    await log.close();
    await expect(log.append([event('late')])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('stops looking when nobody waits for the answer any more', async () => {
    const { kept, open } = await hosted();
    const log = await open();
    const left = new AbortController();
    const stopped = new Promise<void>((resolve) => {
      kept.read = (_, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => {
            resolve();
            reject(new Error('left'));
          });
        });
    });
    const reading = log.read({ selection: EVERYTHING, after: 0, through: 0, maxBytes: 1 }, { signal: left.signal });
    left.abort(new Error('the listener has left'));
    await expect(reading).rejects.toThrow('the listener has left');
    await stopped;
    await expect(log.locate('a', undefined, { signal: left.signal })).rejects.toThrow('the listener has left');
  });

  test('passes questions on to all other processes, and leaves out those that do not answer', async () => {
    const clock = new ManualClock(0);
    const { open } = await hosted({ clock });
    const [one, two, three] = [await open(), await open(), await open()];
    two.peers.onAsk((question) => ({ two: question }));
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    three.peers.onAsk(() => {
      asked();
      return new Promise(() => {});
    });
    const answers = one.peers.ask('who?');
    await isAsked;
    // The answer of the other one comes before that of a question that is asked later.
    await two.locate('earliest');
    clock.advance(1000);
    expect(await answers).toEqual([{ two: 'who?' }]);
    expect([one, two, three].map(({ peers }) => peers.number)).toEqual([1, 2, 3]);
    expect(Buffer.from(one.peers.secret).equals(Buffer.from(two.peers.secret))).toBe(true);
    await three.close();
    expect(await one.peers.ask(1)).toEqual([{ two: 1 }]);
    await one.close();
    expect(await one.peers.ask(1)).toEqual([]);
  });

  test('gives a mark that is good at all processes', async () => {
    const { kept, open } = await hosted();
    const [one, two] = [await open(), await open()];
    expect(Buffer.from(secretOf(one)).equals(Buffer.from(secretOf(two)))).toBe(true);
    expect(secretOf(one)).toEqual(secretOf(kept));
  });

  test('checks its options, and a log those of its own', async () => {
    const kept = new MemoryLog();
    const refused = (options: object): unknown => expect.objectContaining({ code: 'ERR_INVALID_OPTION', ...options });
    const refusal = (run: () => unknown): unknown => {
      try {
        run();
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refusal(() => new LogHost(kept, { maxUnread: 1 } as never))).toEqual(refused({}));
    expect(refusal(() => new LogHost(kept, { maxQuestions: 0 }))).toEqual(refused({}));
    expect(refusal(() => new LogHost({} as never))).toEqual(refused({}));
    for (const options of [
      {},
      { path: '' },
      { socket: {} },
      { path: 'a', socket: connect('/dev/null').on('error', () => {}) },
      { path: 'a', maxWaitingBytes: 0 },
      { pth: 'a' },
    ]) {
      await expect(RemoteLog.open(options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });
});
