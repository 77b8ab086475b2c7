import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirm } from '../src/topics/question.ts';
import { CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

async function tidings({ url }: HubProcess, ...args: string[]): Promise<[number | null, string, string]> {
  const { code, stdout, stderr } = await run([...args, '--hub', url]);
  return [code, stdout, stderr];
}

test('a list of nothing says so to a person, and is empty for programs', async () => {
  const hub = await HubProcess.start();
  const list = (...args: string[]): Promise<unknown> => run(['topics', 'list', ...args, '--hub', hub.url]);
  expect(await list()).toEqual({ code: 0, stdout: '', stderr: 'The hub has no topic with events\n' });
  // A topic without events is known, and not listed.
  await tidings(hub, 'topics', 'lease', 'jobs/7', '30s');
  expect(await list('jobs/')).toEqual({ code: 0, stdout: '', stderr: 'No topic with events begins with jobs/\n' });
  expect(await list('--json')).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('who listens to a topic is printed, a line for each', async () => {
  const hub = await HubProcess.start('--memory');
  expect(await tidings(hub, 'topics', 'listeners', 'jobs/7')).toEqual([0, '', 'Nobody listens to jobs/7\n']);
  expect(await tidings(hub, 'topics', 'listeners', 'jobs/7', '--json')).toEqual([0, '', '']);
  const follow = new CommandProcess(['topics', 'listeners', 'jobs/7', '--follow', '--hub', hub.url]);
  await follow.until(({ stdoutLines }) => stdoutLines === 1);
  const leave = new AbortController();
  const listening = await fetch(new URL('topics/jobs%2F7', hub.url), { signal: leave.signal });
  const [code, stdout, stderr] = await tidings(hub, 'topics', 'listeners', 'jobs/7');
  expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/^[\w-]{22} {2}\S+Z {2}local\n$/), '']);
  const [, json] = await tidings(hub, 'topics', 'listeners', 'jobs/7', '--json');
  const [id, since] = stdout.split('  ');
  expect(JSON.parse(json)).toEqual({ id, subject: 'local', since });
  await follow.until(({ stdoutLines }) => stdoutLines === 2);
  leave.abort();
  // A response that nobody has is collected, which ends its stream before.
  expect(listening.status).toBe(200);
  await follow.until(({ stdoutLines }) => stdoutLines === 3);
  follow.kill('SIGINT');
  expect(await follow.result()).toEqual({ code: 0, stdout: `nobody\ncame    ${stdout}gone    ${id}\n`, stderr: '' });
});

test('a topic is created, listed and deleted', async () => {
  const hub = await HubProcess.start('--memory');
  const create = ['topics', 'create', 'jobs/7', '--ttl', '24h', '--keep', 'all'];
  expect(await tidings(hub, ...create)).toEqual([0, '', 'Created jobs/7\n']);
  expect(await tidings(hub, ...create)).toEqual([0, '', 'Set the options of jobs/7, which was there\n']);
  const [code, , stderr] = await tidings(hub, ...create, '--if-unknown');
  expect([code, stderr]).toEqual([1, expect.stringContaining('it exists already, and is open')]);
  await tidings(hub, 'publish', 'jobs/7', 'x');
  await tidings(hub, 'publish', 'logs', 'x');
  const [, listed] = await tidings(hub, 'topics', 'list');
  expect(listed).toMatch(/^\S+Z {2}1 event {2}\d+ (B|KiB) {2}0 listeners {2}open {2}jobs\/7\n.* {2}open {2}logs\n$/);
  const [, json] = await tidings(hub, 'topics', 'list', 'jobs/', '--json');
  expect(JSON.parse(json)).toMatchObject({ topic: 'jobs/7', state: 'open', events: 1, listeners: 0 });
  expect(await tidings(hub, 'topics', 'delete', 'jobs/7', '--yes')).toEqual([0, '', 'Deleted jobs/7\n']);
  expect(await tidings(hub, 'topics', 'delete', 'jobs/7', '--yes')).toEqual([
    1,
    '',
    `tidings: there is no topic jobs/7 at ${hub.url}\n`,
  ]);
});

test('the list says which topics are closed, and which are leased', async () => {
  const hub = await HubProcess.start('--memory');
  await tidings(hub, 'publish', 'done', 'x', '--close');
  await tidings(hub, 'publish', 'jobs/7', 'x');
  await fetch(new URL('topics/jobs%2F7?lease=30s', hub.url), { method: 'PUT' });
  const [, listed] = await tidings(hub, 'topics', 'list');
  expect(listed).toMatch(/^.* {2}closed {2}done\n.* {2}leased {2}jobs\/7\n$/);
  const [, json] = await tidings(hub, 'topics', 'list', 'jobs/', '--json');
  expect(JSON.parse(json)).toMatchObject({ topic: 'jobs/7', state: 'open', leased: true });
});

test('a topic is not deleted without a terminal to ask on, unless --yes says so', async () => {
  const hub = await HubProcess.start('--memory');
  await tidings(hub, 'publish', 'logs', 'x');
  expect(await tidings(hub, 'topics', 'delete', 'logs')).toEqual([
    2,
    '',
    'tidings: deleting logs has to be confirmed, and there is no terminal: use --yes\n',
  ]);
  expect((await tidings(hub, 'topics', 'list'))[1]).toContain('logs');
});

test.each([
  ['y\n', true],
  [' YES \n', true],
  ['n\n', false],
  ['\n', false],
  ['yesterday\n', false],
  ['', false],
])('the answer %o to the question is %s', async (answer, expected) => {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(answer);
  expect(await confirm('Delete?', { input, output })).toBe(expected);
  expect(String(output.read())).toContain('Delete? [y/N] ');
});

test('listen ends without a failure when its topic is closed, and says so', async () => {
  const hub = await HubProcess.start('--memory');
  const listener = new CommandProcess(['listen', 'jobs/7', '--json', '--hub', hub.url]);
  await listener.until(({ stderr }) => stderr.includes('Listening to'));
  const [code, id] = await tidings(hub, 'publish', 'jobs/7', 'bye', '--close', '--type', 'done');
  expect([code, id]).toEqual([0, expect.stringMatching(/^\w+\.1\n$/)]);
  const ended = await listener.result();
  expect(ended.code).toBe(0);
  expect(ended.stderr).toBe(
    `Listening to jobs/7 at ${hub.url} (Ctrl-C ends)\njobs/7 is closed: no more events will come\n`,
  );
  expect(JSON.parse(ended.stdout)).toMatchObject({ type: 'done', data: 'bye', topic: 'jobs/7' });
  const [refused, , reason] = await tidings(hub, 'publish', 'jobs/7', 'more');
  expect([refused, reason]).toEqual([1, expect.stringContaining('the topic "jobs/7" is closed')]);
  const late = await tidings(hub, 'listen', 'jobs/7');
  expect(late).toEqual([0, '', 'jobs/7 is closed: no more events will come\n']);
});

test('publish --close publishes standard input first, and then the event of the hub', async () => {
  const hub = await HubProcess.start('--memory');
  const { code } = await run(['publish', 'logs', '--close', '--hub', hub.url], { input: 'one\ntwo\n' });
  expect(code).toBe(0);
  const [ended, stdout] = await tidings(hub, 'listen', 'logs', '--since', 'earliest', '--json');
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { topic: string; type: string; data: string });
  expect(ended).toBe(0);
  expect(events.map(({ topic, type, data }) => [topic, type, data])).toEqual([
    ['logs', 'message', 'one'],
    ['logs', 'message', 'two'],
    ['logs', 'tidings-closed', '{"reason":"closed"}'],
  ]);
});
