import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { spawnHub, type HubProcess } from './spawn-hub.ts';
import { ask, problemOf, temporaryFolder, type Reply } from './test-hub.ts';

const MIB = 1024 * 1024;

/** A place for data that is soon full, and how room is made in it again. */
interface SmallDisk {
  /** Whether the log can see how much is free, so that it does not find out by a write, which may end the process. */
  readonly isSeen: boolean;
  start(): Promise<HubProcess>;
  makeRoom(hub: HubProcess): void | Promise<void>;
}

/** A file system of a few MiB, in which a file of ours takes up room. Needs the right to mount one. */
function smallFileSystem(): SmallDisk {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tidings-test', folder]);
  // Lazily, because the hub that has a file open in it is killed only after this.
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(3 * MIB));
  return {
    isSeen: true,
    start: () => spawnHub(join(folder, 'data')),
    makeRoom: () => rmSync(ballast),
  };
}

/** A folder in which no file of the hub may grow past a few MiB. */
function smallFiles(): SmallDisk {
  const folder = temporaryFolder();
  return {
    isSeen: false,
    start: () => spawnHub(folder, { maxFileBytes: 2 * MIB }),
    async makeRoom({ child }) {
      await promisify(execFile)('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:']);
    },
  };
}

/** Why no file system can be mounted here, where that is so. */
function whyNoMount(): string | undefined {
  const folder = join('/tmp', `tidings-mount-${process.pid}`);
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tidings-test', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return undefined;
  } catch {
    return 'only root may mount a file system, and not in every container';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const DISKS: readonly [name: string, make: () => SmallDisk, obstacle: string | undefined][] = [
  ['with files of bounded size', smallFiles, undefined],
  ['that is full', smallFileSystem, whyNoMount()],
];

const LARGE = 'x'.repeat(64 * 1024);

describe.each(DISKS)('on a disk %s', (_, makeDisk, obstacle) => {
  test('publishing fails, all else goes on, and with new room nothing is missing', async ({ skip }) => {
    skip(obstacle !== undefined, obstacle);
    const disk = makeDisk();
    let hub = await disk.start();
    const publish = (headers: Record<string, string> = {}, body = LARGE): Promise<Reply> =>
      ask(hub.port, 'POST', '/topics/a', { headers, body });
    const health = async (): Promise<{ status: string; reason?: string; cursor: string }> =>
      JSON.parse((await ask(hub.port, 'GET', '/healthz')).text) as { status: string; cursor: string };
    const live = await Listener.open(hub.port, '/topics/a');

    const ids: string[] = [];
    let reply = await publish();
    for (; reply.status === 200; reply = await publish()) ids.push(reply.text);
    expect([reply.status, problemOf(reply)]).toEqual([507, 'not-stored']);
    expect(ids.length).toBeGreaterThan(5);

    // Not of one batch, and not of several that share a commit, is anything published.
    const stream = { 'content-type': 'text/event-stream', 'idempotency-key': 'key' };
    const batch = 'data: small\n\n'.repeat(10) + `data: ${LARGE}\n\n`.repeat(10);
    const failed = await Promise.all([publish(stream, batch), publish(), publish(), publish()]);
    expect(failed.map(problemOf)).toEqual(failed.map(() => 'not-stored'));

    expect((await ask(hub.port, 'GET', '/healthz')).status).toBe(503);
    expect(await health()).toMatchObject({
      status: 'failing',
      reason: expect.stringMatching(
        disk.isSeen ? /: no space left on device, \d+ bytes are free/ : /^Cannot store events in .*: .*bytes are free/,
      ),
      cursor: ids.at(-1),
    });
    const kept = await Listener.open(hub.port, '/topics/a?last_event_id=earliest');
    await kept.take(ids.length);
    const { topics } = JSON.parse((await ask(hub.port, 'GET', '/topics')).text) as { topics: { events: number }[] };
    expect(topics[0]?.events).toBe(ids.length);

    await disk.makeRoom(hub);
    for (let n = 0; n < 3; n += 1) ids.push((await publish()).text);
    ids.push((await publish(stream, 'data: again\n\n')).text);
    const [epoch] = ids[0]!.split('.');
    expect(ids).toEqual(ids.map((__, index) => `${epoch}.${index + 1}`));
    expect((await health()).status).toBe('ok');
    for (const listener of [live, kept]) {
      await listener.take(ids.length);
      expect(listener.published.map((event) => event.lastEventId)).toEqual(ids);
    }

    expect(hub.child.exitCode).toBeNull();
    expect(hub.stderr()).not.toMatch(/unhandled|uncaught/i);
    await hub.kill();
    hub = await disk.start();
    const reopened = await Listener.open(hub.port, '/topics/a?last_event_id=earliest');
    await reopened.take(ids.length);
    expect(reopened.published.map((event) => event.lastEventId)).toEqual(ids);
  });
});

test('a disk that the log has filled itself takes events again when some are removed', async ({ skip }) => {
  const obstacle = whyNoMount();
  skip(obstacle !== undefined, obstacle);
  const hub = await smallFileSystem().start();
  const publish = async (topic: string, bytes: number): Promise<number> =>
    (await ask(hub.port, 'POST', `/topics/${topic}`, { body: 'x'.repeat(bytes) })).status;
  for (const [topic, bytes] of [
    ['a', 60_000],
    ['b', 2000],
    ['c', 10],
  ] as const) {
    let status = 200;
    while (status === 200) status = await publish(topic, bytes);
    expect(status).toBe(507);
  }
  expect((await ask(hub.port, 'DELETE', '/topics?topic=a')).status).toBe(200);
  expect(await publish('c', 10)).toBe(200);
  expect(await publish('c', 60_000)).toBe(200);
  expect((await ask(hub.port, 'GET', '/healthz')).status).toBe(200);
});
