import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

const KEY = 'a-key-of-sixteen-or-more';

test('the first line of output holds the URL, which has the page, and nothing is on standard error', async () => {
  const { url, process } = await HubProcess.start();
  expect(process.stdout.split('\n')[0]).toBe(`Tidings is running at ${url}`);
  const page = await fetch(url);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(await page.text()).toContain('<title>Tidings</title>');
  expect(process.stderr).toBe('');
});

test('it starts with few file descriptors', async () => {
  const hub = await HubProcess.start({ maxDescriptors: 64 });
  expect((await fetch(`${hub.url}healthz`)).status).toBe(200);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s sends listeners away, and ends it well', async (signal) => {
  const { url, process } = await HubProcess.start();
  const response = await fetch(new URL('topics/t', url));
  process.kill(signal);
  const text = await response.text();
  // Longer than a restart takes: a browser that is refused may never come back.
  expect(Number(/^retry: (\d+)$/m.exec(text)![1])).toBeGreaterThanOrEqual(5000);
  expect(await process.result()).toMatchObject({ code: 0, stderr: 'Stopping…\n' });
});

test('it goes on, and ends well, when nobody reads its output any more', async () => {
  const { url, process: hub } = await HubProcess.start();
  const response = await fetch(new URL('topics/t', url));
  hub.closeOutput();
  expect((await fetch(new URL('topics/t', url), { method: 'POST', body: 'x' })).status).toBe(200);
  hub.kill('SIGTERM');
  expect(await response.text()).toMatch(/^data: x$[^]*^retry: \d+$/m);
  expect((await hub.result()).code).toBe(0);
});

/** Begins a publish whose body never ends. */
function begin(hub: string, type: string, body: string): ClientRequest {
  const headers = { 'content-type': type, expect: '100-continue' };
  const sent = request(new URL('topics/t', hub), { method: 'POST', headers });
  sent.once('continue', () => sent.write(body)).flushHeaders();
  return sent;
}

test('SIGTERM ends uploads with an answer that says what was published of them', async () => {
  const { url, process } = await HubProcess.start('--memory');
  const answerTo = async (sent: ClientRequest): Promise<unknown> => {
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return await json(response);
  };
  const upload = answerTo(begin(url, 'text/event-stream', 'data: 1\n\ndata: 2\n\ndata: unf'));
  const listener = new CommandProcess(['listen', 't', '--since', 'earliest', '--hub', url]);
  await listener.until(({ stdout }) => stdout.includes('2'));
  // The hub waits for the rest of a body that it reads whole, and gives up in the end.
  const sent = begin(url, 'text/plain', 'unf');
  const whole = answerTo(sent);
  await once(sent, 'continue');
  process.kill('SIGTERM');
  expect(await upload).toMatchObject({ status: 503, published: 2 });
  expect(await whole).toMatchObject({ status: 503, type: '/PROTOCOL.md#draining' });
  expect((await process.result()).code).toBe(0);
});

test('a second Ctrl-C ends it at once, whatever is under way', async () => {
  const { url, process } = await HubProcess.start();
  // The hub waits for the rest of it.
  const sent = begin(url, 'text/plain', 'x');
  const upload = once(sent, 'response').catch(() => 'broken off');
  await once(sent, 'continue');
  process.kill('SIGINT');
  await process.until(({ stderr }) => stderr.includes('Stopping…'));
  process.kill('SIGINT');
  expect((await process.result()).code).toBe(130);
  expect(await upload).toBe('broken off');
});

test('with a key only who has it may publish, and everyone listens where that is opened', async () => {
  const { url, process } = await HubProcess.start('--key', KEY, '--anonymous', 'listen');
  expect(process.stdout).toContain(
    'everyone on this machine, or behind a proxy on it, may listen, publishing and private',
  );
  expect(process.stdout).not.toContain(KEY);
  expect((await run(['publish', 't', 'x', '--hub', url])).code).toBe(1);
  expect((await run(['publish', 't', 'x', '--hub', url], { env: { TIDINGS_KEY: KEY } })).code).toBe(0);
  const listener = new CommandProcess(['listen', 't', '--last', '1', '--hub', url]);
  await listener.until(({ stdout }) => stdout.endsWith('x\n'));
});

test('events outlive the hub on disk, and not in memory', async () => {
  for (const [args, kept] of [
    [[], 1],
    [['--memory'], 0],
  ] as const) {
    const hub = await HubProcess.start(...args);
    await run(['publish', 't', 'x', '--hub', hub.url]);
    hub.process.kill('SIGTERM');
    await hub.process.result();
    await hub.restart();
    expect(await (await fetch(new URL('topics', hub.url))).json()).toMatchObject({ total: kept });
  }
});

test('retention is as asked for, and says so', async () => {
  const { url, process } = await HubProcess.start(
    '--retain-age',
    '1h',
    '--retain-bytes',
    'none',
    '--retain-events',
    '2',
  );
  expect(process.stdout).toContain(', for 1 hour, at most 2 events\n');
  await run(['publish', 't', '--hub', url], { input: '1\n2\n3\n' });
  const listener = new CommandProcess(['listen', 't', '--since', 'earliest', '--json', '--hub', url]);
  await listener.until(({ stdout }) => stdout.includes('"3"'));
  expect(listener.stdout).toContain('"2"');
  expect(listener.stdout).not.toContain('"1"');
});

test('behind a proxy everyone who can reach it may listen, and it says so', async () => {
  for (const reached of [
    ['--public-url', 'https://hub.example.org/'],
    ['--trusted-proxies', 'loopback'],
  ]) {
    const { process } = await HubProcess.start('--key', KEY, '--anonymous', 'listen', ...reached);
    expect(process.stdout).toContain(
      'everyone who can reach it may listen, publishing and private events need the key',
    );
  }
});

test('an allowed origin may read', async () => {
  const { url } = await HubProcess.start('--cors-origin', 'https://a.test', '--cors-origin', 'https://b.test');
  for (const [origin, allowed] of [
    ['https://b.test', 'https://b.test'],
    ['https://c.test', null],
  ] as const) {
    const response = await fetch(new URL('topics', url), { headers: { origin } });
    expect(response.headers.get('access-control-allow-origin')).toBe(allowed);
  }
});

test('streams are compressed where that is asked for by name', async () => {
  for (const [args, coding] of [
    [[], null],
    [['--compress'], 'gzip'],
  ] as const) {
    const { url } = await HubProcess.start(...args);
    const listening = new AbortController();
    const response = await fetch(new URL('topics/a', url), { signal: listening.signal });
    expect(response.headers.get('content-encoding')).toBe(coding);
    listening.abort();
  }
});

test('--verbose logs publishes, refusals and listeners, one JSON object a line, without keys and data', async () => {
  const { url, process } = await HubProcess.start('--verbose', '--key', KEY, '--anonymous', 'listen');
  const topic = new URL('topics/t', url);
  const abort = new AbortController();
  const listener = await fetch(topic, { signal: abort.signal });
  const publish = (key: string): Promise<Response> =>
    fetch(topic, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: 'secret data' });
  expect((await publish(KEY)).status).toBe(200);
  expect((await publish('another-secret-key')).status).toBe(401);
  abort.abort();
  await listener.text().catch(() => '');
  await process.until(({ stderr }) => stderr.includes('A listener has gone'));
  const lines = process.stderr.trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'A listener has come',
    'Events were published',
    'A request was refused',
    'A listener has gone',
  ]);
  for (const secret of [KEY, 'another-secret-key', 'secret data']) expect(process.stderr).not.toContain(secret);
  process.kill('SIGTERM');
  expect((await process.result()).code).toBe(0);
});

test('a reader of its log that stands still does not keep it from answering', async () => {
  const { url, process } = await HubProcess.start('--verbose', '--memory');
  process.readStderr(false);
  const path = new URL('x'.repeat(4000), url);
  // More than a pipe takes.
  for (let n = 0; n < 100; n += 1) expect((await fetch(path)).status).toBe(404);
  process.readStderr(true);
  process.kill('SIGTERM');
  expect((await process.result()).code).toBe(0);
});

test.each([
  ['a hub', []],
  ['a supervisor', ['--supervise']],
] as const)('%s ends in good order although nobody reads what it says', async (what, options) => {
  const hub = await HubProcess.start('--verbose', ...options);
  if (what === 'a supervisor') {
    // The next hub has the same output.
    await hub.process.until(({ stderr }) => stderr.includes('restarts the hub'));
    hub.process.kill('SIGHUP');
    await hub.process.until(({ stderr }) => stderr.includes('The next hub is running'));
  }
  hub.process.readStderr(false);
  const path = new URL('x'.repeat(4000), hub.url);
  // More than the pipes and the buffers of two processes take.
  for (let n = 0; n < 300; n += 1) expect((await fetch(path)).status).toBe(404);
  hub.process.kill('SIGTERM');
  expect(await hub.process.exit()).toBe(0);
});

test('it keeps of each topic what the first rule for it says, and the newest event of each key', async () => {
  const { url } = await HubProcess.start('--retain', 'log/*=count:2', '--retain', '*=keep:latest');
  for (const n of [1, 2, 3]) await run(['publish', 'log/a/b', `log ${n}`, '--hub', url]);
  for (const n of [1, 2]) await run(['publish', 'prices', `EUR ${n}`, '--latest-key', 'EUR', '--hub', url]);
  await run(['publish', 'prices', 'CHF', '--latest-key', 'CHF', '--hub', url]);
  await run(['publish', 'prices', '--latest-key', 'CHF', '--forget', '--hub', url]);
  for (const [topic, last, expected] of [
    ['log/a/b', 'log 3', ['log 2', 'log 3']],
    ['prices', 'CHF', ['EUR 2', '{"key":"CHF"}']],
  ] as const) {
    const listener = new CommandProcess(['listen', topic, '--since', 'earliest', '--json', '--hub', url]);
    await listener.until(({ stdout }) => stdout.includes(last));
    listener.kill('SIGINT');
    const lines = (await listener.result()).stdout.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { data: string }).data)).toEqual(expected);
  }
});
