import { expect, test } from 'vitest';
import { CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

async function publish({ url }: HubProcess, topic: string, ...data: string[]): Promise<void> {
  const { code } = await run(['publish', topic, '--hub', url], { input: data.join('\n') });
  expect(code).toBe(0);
}

async function listening({ url }: HubProcess, ...args: string[]): Promise<CommandProcess> {
  const listener = new CommandProcess(['listen', ...args, '--hub', url]);
  await listener.until(({ stderr }) => stderr.includes('Listening to'));
  return listener;
}

const lines = (count: number) => (output: { stdoutLines: number }) => output.stdoutLines >= count;

test('events are printed as they come, until Ctrl-C, which is no failure', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, 'logs');
  await publish(hub, 'logs', 'one', 'two');
  await publish(hub, 'other', 'no');
  await publish(hub, 'logs', 'three');
  await listener.until(lines(3));
  listener.kill('SIGINT');
  const { code, stdout, stderr } = await listener.result();
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}\w+\.1 {2}one\n.*\.2 {2}two\n.*\.4 {2}three\n$/);
  expect(stderr).toBe(`Listening to logs at ${hub.url} (Ctrl-C ends)\n`);
  expect(code).toBe(0);
});

test('a topic that looks like a pattern or a URL is listened to, and that is said', async () => {
  const hub = await HubProcess.start();
  for (const [topic, hint] of [
    ['jobs/*', 'With --match-urlpattern before it, it is a pattern'],
    ['jobs/:id', 'With --match-urlpattern before it, it is a pattern'],
    ['http://127.0.0.1:1/topics/jobs', '--hub gives the URL of another hub'],
  ] as const) {
    const listener = await listening(hub, topic);
    expect(listener.stderr).toContain(`"${topic}" is the name of `);
    expect(listener.stderr).toContain(hint);
    listener.kill('SIGINT');
    expect((await listener.result()).code).toBe(0);
  }
  const listener = await listening(hub, 'a:b/c', 'https://books.test/1');
  expect(listener.stderr).not.toContain('is the name of');
  const published = await run(['publish', 'http://127.0.0.1:1/topics/jobs', 'x', '--hub', hub.url]);
  expect(published.stderr).toContain(`is the name of a topic at ${hub.url} here. --hub gives the URL of another hub\n`);
  expect(published.code).toBe(0);
});

test.each([
  [
    ['logs', '--type', 'warning,error'],
    '"warning,error" is one type with a comma in it here. For several types, give --type several times',
  ],
  [['logs', '--since', '10'], '--since 10 is taken for the id of an event'],
  [['--match-urlpattern', '/logs/*'], '"/logs/*" begins with a leading slash, which topics have only if they were'],
  [
    ['--match-urlpattern', 'https://a.test/*'],
    '"https://a.test/*" begins with a scheme and a host, which topics have only if',
  ],
])('what is likely a mistake is done, and is said: %o', async (args, note) => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, ...args);
  expect(listener.stderr).toContain(note);
  listener.kill('SIGINT');
  expect((await listener.result()).code).toBe(0);
});

test('several types, and patterns of the hub, are no mistakes', async () => {
  const hub = await HubProcess.start();
  const types = ['--type', 'warning', '--type', 'error'];
  const listener = await listening(hub, '--match-urlpattern', `${hub.url}topics/logs/*`, ...types);
  expect(listener.stderr).not.toMatch(/begins with|comma/);
  listener.kill('SIGINT');
  expect((await listener.result()).code).toBe(0);
});

test('several topics and patterns are listened to on one connection, with the topic named', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, 'logs', '--match-urlpattern', 'sensors/:room');
  await publish(hub, 'sensors/kitchen', 'warm');
  await publish(hub, 'sensors', 'no');
  await publish(hub, 'logs', 'line');
  await listener.until(lines(2));
  expect(listener.stdout).toMatch(/ {2}sensors\/kitchen {2}warm\n.* {2}logs {2}line\n$/);
});

test('--json prints an object a line, from the earliest or from the last ones on', async () => {
  const hub = await HubProcess.start();
  await publish(hub, 'logs', 'one', 'two', 'three');
  const all = await listening(hub, 'logs', '--json', '--since', 'earliest');
  await all.until(lines(3));
  const events = all.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events).toMatchObject([{ data: 'one' }, { data: 'two' }, { data: 'three' }]);
  expect(Object.keys(events[0])).toEqual(['topic', 'time', 'id', 'type', 'data']);

  const last = await listening(hub, 'logs', '--json', '--last', '1');
  await last.until(lines(1));
  expect(JSON.parse(last.stdout)).toEqual(events[2]);

  const since = await listening(hub, 'logs', '--json', '--since', events[1].id);
  await since.until(lines(1));
  expect(JSON.parse(since.stdout)).toEqual(events[2]);
});

test('a killed hub is waited for, and what was published meanwhile arrives once', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, 'logs', '--json');
  await publish(hub, 'logs', 'one');
  await listener.until(lines(1));
  await hub.kill();
  await listener.until(({ stderr }) => stderr.includes('Lost the connection'));
  await hub.restart();
  await publish(hub, 'logs', 'two');
  await listener.until(lines(2));
  await publish(hub, 'logs', 'three');
  await listener.until(lines(3));
  expect([...listener.stdout.matchAll(/"data":"(\w+)"/g)].map(([, data]) => data)).toEqual(['one', 'two', 'three']);
  expect(listener.stderr).toContain('Lost the connection to the hub, trying again…\nConnected again\n');
});

test('a gap is reported on standard error, and as an object with --json', async () => {
  const hub = await HubProcess.start();
  await publish(hub, 'logs', 'one');
  const listener = await listening(hub, 'logs', '--json', '--since', 'never-seen');
  await listener.until(lines(2));
  const [gap, event] = listener.stdout.split('\n');
  expect(JSON.parse(gap!)).toEqual({ gap: { after: 'never-seen', resumedAt: expect.any(String), reason: 'unknown' } });
  expect(JSON.parse(event!)).toMatchObject({ data: 'one' });
  expect(listener.stderr).toContain('Gap: events after never-seen may be missing');
});

test('a reader that has had enough ends it quietly', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, 'logs');
  await publish(hub, 'logs', 'one');
  await listener.until(lines(1));
  listener.closeStdout();
  await publish(hub, 'logs', 'two');
  const { code, stderr } = await listener.result();
  expect(stderr).toBe(`Listening to logs at ${hub.url} (Ctrl-C ends)\n`);
  expect(code).toBe(0);
});

test('--since takes times, too, and --type selects events', async () => {
  const hub = await HubProcess.start();
  await publish(hub, 'logs', 'one');
  const { code } = await run(['publish', 'logs', '--type', 'odd', '--hub', hub.url], { input: 'two' });
  expect(code).toBe(0);
  const data = async (...args: string[]): Promise<unknown[]> => {
    const listener = await listening(hub, 'logs', '--json', ...args);
    await listener.until(lines(1));
    listener.kill('SIGINT');
    const { stdout } = await listener.result();
    return stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { data: string }).data);
  };
  expect(await data('--since', '1h', '--type', 'odd')).toEqual(['two']);
  expect((await data('--since', '2026-01-01T00:00:00Z'))[0]).toBe('one');
  expect(await data('--since', '1h', '--type', 'message', '--type', 'other')).toEqual(['one']);
});

test('a word that is no start is taken for an id, and that is said', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, 'logs', '--json', '--since', 'yesterday');
  listener.kill('SIGINT');
  const { stderr } = await listener.result();
  expect(stderr).toContain(
    '--since yesterday is taken for the id of an event. Allowed are a time that exists, such as',
  );
});

test('--json names the topic and the key of a value, and says that it was forgotten', async () => {
  const hub = await HubProcess.start();
  const listener = await listening(hub, '--match-urlpattern', 'prices/*', '--json');
  const send = async (...args: string[]): Promise<void> => {
    expect((await run(['publish', 'prices/EUR', ...args, '--hub', hub.url])).code).toBe(0);
  };
  await send('1.08', '--latest-key', 'CHF');
  await send('--latest-key', 'CHF', '--forget');
  await listener.until(lines(2));
  const place = { topic: 'prices/EUR', time: expect.stringMatching(/Z$/), id: expect.any(String) };
  expect(
    listener.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { ...place, type: 'message', data: '1.08', key: 'CHF' },
    { ...place, type: 'tidings-forgotten', data: '{"key":"CHF"}', key: 'CHF', forget: true },
  ]);
});
