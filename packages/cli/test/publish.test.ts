import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { decodeEventStream } from '@tidings/wire';
import { expect, onTestFinished, test } from 'vitest';
import { CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

interface Printed {
  topic: string;
  id: string;
  type: string;
  data: string;
}

/** All events of a topic that a hub keeps, `count` of them. */
async function eventsOf({ url }: { url: string }, topic: string, count: number): Promise<Printed[]> {
  const listener = new CommandProcess(['listen', topic, '--since', 'earliest', '--json', '--hub', url]);
  await listener.until(({ stdoutLines }) => stdoutLines >= count);
  listener.kill('SIGINT');
  const { stdout } = await listener.result();
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Printed);
}

/** Resolves when a new event of the topic `logs` arrives. */
async function firstEvent({ url }: HubProcess): Promise<void> {
  const { body } = await fetch(new URL('topics/logs', url));
  for await (const { type } of decodeEventStream(body!)) if (!type.startsWith('tidings-')) return;
}

test('one event is published with type and id, which is printed', async () => {
  const hub = await HubProcess.start();
  const plain = await run(['publish', 'a/b', 'grüße\nzwei', '--hub', hub.url]);
  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toMatch(/^[a-z0-9]+\.1\n$/);
  const named = await run(['publish', 'a/b', '', '--type', 'made', '--id', 'order 7', '--hub', hub.url]);
  expect(named).toEqual({ code: 0, stdout: 'order 7\n', stderr: '' });
  expect(await eventsOf(hub, 'a/b', 2)).toMatchObject([
    { topic: 'a/b', id: plain.stdout.trim(), type: 'message', data: 'grüße\nzwei' },
    { id: 'order 7', type: 'made', data: '' },
  ]);
});

test('a --key that is too short for a hub is told from the key of a value, and nothing is published', async () => {
  const hub = await HubProcess.start();
  for (const more of [[], ['--latest-key', 'EUR']]) {
    const mistaken = await run(['publish', 'prices', '1.08', '--key', 'EUR', ...more, '--hub', hub.url]);
    expect([mistaken.code, mistaken.stdout, mistaken.stderr]).toEqual([
      2,
      '',
      expect.stringMatching(
        /--key is 3 characters long, but must be 16 or more .*: the key of the hub, or a token for it\. The key of a value is --latest-key\n/,
      ),
    ]);
  }
  const long = await run(['publish', 'prices', '1.08', '--key', 'a-key-of-the-hub', '--hub', hub.url]);
  expect([long.code, long.stderr]).toEqual([0, '']);
  expect(await eventsOf(hub, 'prices', 1)).toHaveLength(1);
});

test('a line of a pipe is published while the pipe is open', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'logs', '--type', 'line', '--hub', hub.url]);
  for (const line of ['one', 'two']) {
    await publisher.write(`${line}\n`);
    const [event] = (await eventsOf(hub, 'logs', line === 'one' ? 1 : 2)).slice(-1);
    expect(event).toMatchObject({ type: 'line', data: line });
  }
  publisher.stdin.end();
  expect(await publisher.result()).toEqual({ code: 0, stdout: '', stderr: 'Published 2 events to logs\n' });
});

test('an event stream is published with its types, ids and without its heartbeats', async () => {
  const hub = await HubProcess.start();
  const gap = { after: 'other.8', resumedAt: 'other.9', reason: 'trimmed' };
  const input = `:\n\nevent: tidings-heartbeat\nid: other.7\ndata:\n\nevent: made\nid: mine\nretry: 900\ndata: a\ndata: b\n\nid: other.8\ndata: c\n\nevent: tidings-gap\ndata: ${JSON.stringify(gap)}\n\ndata: unfinished`;
  const result = await run(['publish', 'copy', '--format', 'event-stream', '--hub', hub.url], { input });
  expect(result).toEqual({
    code: 0,
    stdout: '',
    stderr: 'The last event of the input is not published: no empty line has ended it\nPublished 3 events to copy\n',
  });
  expect(await eventsOf(hub, 'copy', 3)).toMatchObject([
    { id: 'mine', type: 'made', data: 'a\nb' },
    { id: expect.stringMatching(/\.2$/) as string, type: 'message', data: 'c' },
    { gap },
  ]);
});

test('many lines are published in order, in few requests', async () => {
  const hub = await HubProcess.start();
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
  const result = await run(['publish', 'logs', '--hub', hub.url], { input: lines.join('\n') });
  expect(result).toEqual({ code: 0, stdout: '', stderr: 'Published 20,000 events to logs\n' });
  expect((await eventsOf(hub, 'logs', 20_000)).map(({ data }) => data)).toEqual(lines);
});

test('a hub killed in the middle of a pipe and started again has every line once and in order', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'logs', '--hub', hub.url]);
  const lines: string[] = [];
  let feeding = true;
  const fed = (async () => {
    while (feeding) {
      const batch = Array.from({ length: 50 }, (_, index) => `line ${lines.length + index} ${'.'.repeat(100)}`);
      lines.push(...batch);
      await publisher.write(`${batch.join('\n')}\n`);
      await new Promise(setImmediate);
    }
  })();
  for (let round = 1; round <= 3; round++) {
    await firstEvent(hub);
    // Lines keep coming, so this happens during a request or just before one.
    await hub.kill();
    await publisher.until(({ stderr }) => stderr.split('trying again…').length > round);
    await hub.restart();
    await publisher.until(({ stderr }) => stderr.split('Publishing again').length > round);
  }
  feeding = false;
  await fed;
  publisher.stdin.end();
  const { code, stderr } = await publisher.result();
  expect(stderr).toContain(`Published ${lines.length.toLocaleString('en-US')} events to logs\n`);
  expect(code).toBe(0);
  expect((await eventsOf(hub, 'logs', lines.length)).map(({ data }) => data)).toEqual(lines);
});

test('a pipe waits for a hub that is not there yet', async () => {
  const hub = await HubProcess.start();
  await hub.kill();
  const publisher = new CommandProcess(['publish', 'logs', '--hub', hub.url]);
  publisher.stdin.end('one\n');
  await publisher.until(({ stderr }) => stderr.includes('trying again…'));
  await hub.restart();
  const { code, stderr } = await publisher.result();
  expect(stderr).toBe(
    `Cannot publish to the hub at ${hub.url} (nothing listens there), trying again…\nPublishing again\nPublished 1 event to logs\n`,
  );
  expect(code).toBe(0);
});

test('a line that is too large for the hub ends the pipe after everything before it was published', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'logs', '--hub', hub.url]);
  await publisher.write(`one\ntwo\n${'x'.repeat(1024 * 1024 + 1)}\nfour\n`);
  const { code, stderr } = await publisher.result();
  const [summary, mistake] = stderr.split('\n');
  expect(summary).toMatch(/^Published 2 events to logs, \d events? read but not published$/);
  expect(mistake).toMatch(
    /^tidings: line 3 is too large for the hub: the hub answered 413 Payload Too Large: .*1048577.*1048576/,
  );
  expect(code).toBe(1);
  expect((await eventsOf(hub, 'logs', 2)).map(({ data }) => data)).toEqual(['one', 'two']);
});

test('a hub with other limits gets all that it takes, and its limit is shown', async () => {
  const hub = new Hub({ log: new MemoryLog(), limits: { maxEventBytes: 5_000, maxBodyBytes: 6_000 } });
  const server = createServer(hub).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    server.close();
    await hub.close();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index}`);
  expect(await run(['publish', 'logs', '--hub', url], { input: lines.join('\n') })).toMatchObject({
    code: 0,
    stderr: 'Published 2,000 events to logs\n',
  });
  expect((await eventsOf({ url }, 'logs', 2_000)).map(({ data }) => data)).toEqual(lines);

  const refused = await run(['publish', 'logs', 'x'.repeat(5_001), '--hub', url]);
  expect(refused.stderr).toMatch(/^tidings: the hub answered 413 Payload Too Large: .*\b5000\b/);
  expect(refused.code).toBe(1);
});

test('a refusal ends a pipe that is still open', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'logs', '--type', 'tidings-own', '--hub', hub.url]);
  await publisher.write('one\n');
  const { code, stderr } = await publisher.result();
  expect(stderr).toMatch(
    /^Published 0 events to logs, 1 event read but not published\ntidings: the hub answered 400 .*tidings-own.*\n$/,
  );
  expect(code).toBe(1);
});

test('Ctrl-C publishes what was read, and reports what it could not', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'logs', '--hub', hub.url]);
  await publisher.write('one\n');
  await eventsOf(hub, 'logs', 1);
  publisher.kill('SIGINT');
  expect(await publisher.result()).toEqual({ code: 0, stdout: '', stderr: 'Published 1 event to logs\n' });

  await hub.kill();
  const lost = new CommandProcess(['publish', 'logs', '--hub', hub.url]);
  await lost.write('two\n');
  await lost.until(({ stderr }) => stderr.includes('trying again…'));
  lost.kill('SIGINT');
  const { code, stderr } = await lost.result();
  expect(stderr).toContain('Published 0 events to logs, 1 event read but not published\ntidings: interrupted');
  expect(code).toBe(1);
});

test.each([
  ['', 'Closed logs\n'],
  ['one\ntwo\n', 'Published 2 events to logs\nClosed logs\n'],
])('--close behind the input %j says what was done', async (input, said) => {
  const hub = await HubProcess.start();
  const result = await run(['publish', 'logs', '--close', '--hub', hub.url], { input });
  expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\w+\.\d+\n$/), stderr: said });
});

test('--lease makes the command the one producer of a topic, until it has closed it', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'jobs/1', '--close', '--lease', '5s', '--hub', hub.url]);
  await publisher.write('one\n');
  await eventsOf(hub, 'jobs/1', 1);
  const other = await run(['publish', 'jobs/1', '--lease', '5s', '--hub', hub.url], { input: 'other\n' });
  expect(other.stderr).toMatch(
    /tidings: the hub answered 409 Conflict: Cannot lease the topic "jobs\/1": it is leased/,
  );
  expect(other.code).toBe(1);
  const without = await run(['publish', 'jobs/1', 'other', '--hub', hub.url]);
  expect(without.stderr).toMatch(/409 Conflict: .*its lease was not given/);
  publisher.stdin.end('two\n');
  expect(await publisher.result()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\w+\.\d+\n$/),
    stderr: 'Published 2 events to jobs/1\nClosed jobs/1\n',
  });
  expect((await eventsOf(hub, 'jobs/1', 3)).map(({ type, data }) => `${type} ${data}`)).toEqual([
    'message one',
    'message two',
    'tidings-closed {"reason":"closed"}',
  ]);
});

test('--lease without --close gives the lease back at the end, so that others may publish at once', async () => {
  const hub = await HubProcess.start();
  const leased = await run(['publish', 'jobs/1', '--lease', '24h', '--hub', hub.url], { input: 'one\n' });
  expect(leased).toMatchObject({ code: 0, stderr: 'Published 1 event to jobs/1\n' });
  expect(await run(['publish', 'jobs/1', 'two', '--hub', hub.url])).toMatchObject({ code: 0, stderr: '' });
  expect((await eventsOf(hub, 'jobs/1', 2)).map(({ data }) => data)).toEqual(['one', 'two']);
});

test('a topic whose producer was killed is closed when its lease ends', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'jobs/1', '--lease', '1s', '--hub', hub.url]);
  await publisher.write('one\n');
  await eventsOf(hub, 'jobs/1', 1);
  publisher.kill('SIGKILL');
  expect((await eventsOf(hub, 'jobs/1', 2)).map(({ type, data }) => `${type} ${data}`)).toEqual([
    'message one',
    'tidings-closed {"reason":"lease-expired"}',
  ]);
  expect((await run(['publish', 'jobs/1', 'late', '--hub', hub.url])).stderr).toMatch(/409 Conflict: .* is closed/);
});

test('a command whose topic was deleted by another ends, although its input goes on', async () => {
  const hub = await HubProcess.start();
  const publisher = new CommandProcess(['publish', 'jobs/1', '--lease', '1s', '--hub', hub.url]);
  await publisher.write('one\n');
  await eventsOf(hub, 'jobs/1', 1);
  await run(['topics', 'delete', 'jobs/1', '--yes', '--hub', hub.url]);
  const { code, stderr } = await publisher.result();
  expect(stderr).toMatch(/^Published 1 event to jobs\/1\ntidings: the hub answered 409 Conflict: .*its lease/);
  expect(code).toBe(1);
});
