import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

async function tidings({ url }: HubProcess, ...args: string[]): Promise<[number | null, string, string]> {
  const { code, stdout, stderr } = await run([...args, '--hub', url]);
  return [code, stdout, stderr];
}

test('a topic is shown that was only created, with its options', async () => {
  const hub = await HubProcess.start('--memory');
  await tidings(hub, 'topics', 'create', 'jobs/7', '--ttl', '24h', '--keep', 'latest');
  const lines = [
    'topic         jobs/7',
    'state         open',
    'events        0',
    'ttl           1d',
    'keep          latest',
  ];
  expect(await tidings(hub, 'topics', 'show', 'jobs/7')).toEqual([0, `${lines.join('\n')}\n`, '']);
  const [, json] = await tidings(hub, 'topics', 'show', 'jobs/7', '--json');
  expect(JSON.parse(json)).toEqual({ topic: 'jobs/7', state: 'open', events: 0, ttl: '1d', keep: 'latest' });
  expect(await tidings(hub, 'topics', 'show', 'none')).toEqual([
    1,
    '',
    `tidings: there is no topic none at ${hub.url}\n`,
  ]);
});

test('a topic is leased, shown so, renewed and released', async () => {
  const hub = await HubProcess.start('--memory');
  const [, leased, said] = await tidings(hub, 'topics', 'lease', 'a/b', '30s');
  const token = leased.trim();
  expect(said).toMatch(/^Leased a\/b until \S+Z\. The hub closes it then, unless it is renewed or released before\n$/);
  await tidings(hub, 'publish', 'a/b', 'x', '--token', token);
  const [, renewed] = await tidings(hub, 'topics', 'lease', 'a/b', '60s', '--token', token, '--json');
  const { until, ...rest } = JSON.parse(renewed) as { until: string };
  expect(rest).toEqual({ topic: 'a/b', token });
  const [, shown] = await tidings(hub, 'topics', 'show', 'a/b', '--json');
  const { leasedUntil, ...status } = JSON.parse(shown) as { leasedUntil: string };
  expect(status).toMatchObject({ state: 'open', events: 1 });
  // The system's clock may have been set in between.
  expect(Math.abs(Date.parse(leasedUntil) - Date.parse(until))).toBeLessThan(2000);
  expect((await tidings(hub, 'topics', 'show', 'a/b'))[1]).toMatch(/\nleased until  \S+Z\n/);
  expect(await tidings(hub, 'topics', 'release', 'a/b', '--token', token)).toEqual([0, '', 'Released a/b\n']);
  const [code, , refused] = await tidings(hub, 'topics', 'release', 'a/b', '--token', token);
  expect([code, refused]).toEqual([1, expect.stringContaining('is not, or no longer, leased with this token: give')]);
});

test('what there is of a topic is read, and no more is waited for', async () => {
  const hub = await HubProcess.start('--memory');
  const input = Array.from({ length: 1500 }, (_, index) => `${index}\n`).join('');
  await run(['publish', 'logs', '--hub', hub.url], { input });
  await tidings(hub, 'publish', 'logs', 'last', '--type', 'odd');
  const data = async (...args: string[]): Promise<string[]> => {
    const [code, stdout] = await tidings(hub, 'read', 'logs', '--json', ...args);
    expect(code).toBe(0);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { data: string }).data);
  };
  const [code, , nothingSaid] = await tidings(hub, 'read', 'logs', '--since', '1h');
  expect([code, nothingSaid]).toEqual([0, '']);
  expect(await data()).toEqual([...Array.from({ length: 1500 }, (_, index) => String(index)), 'last']);
  expect(await data('--limit', '2')).toEqual(['0', '1']);
  expect(await data('--since', '1h', '--type', 'odd')).toEqual(['last']);
  expect(await tidings(hub, 'read', 'none')).toEqual([0, '', 'none has no events\n']);
  expect(await tidings(hub, 'read', 'logs', '--type', 'none')).toEqual([0, '', 'logs has no such events\n']);
  expect(await tidings(hub, 'read', 'logs', '--since', '2100-01-01')).toEqual([0, '', 'logs has no such events\n']);
  const [, gap, said] = await tidings(hub, 'read', 'logs', '--json', '--since', 'never-seen', '--limit', '1');
  expect(JSON.parse(gap.split('\n')[0]!)).toMatchObject({ gap: { after: 'never-seen', reason: 'unknown' } });
  expect(said).toContain('Gap: events after never-seen may be missing');
});

test('listen --wait waits for a hub that is not there yet', async () => {
  const hub = await HubProcess.start();
  await hub.kill();
  const listener = new CommandProcess(['listen', 'logs', '--wait', '--json', '--hub', hub.url]);
  await listener.until(({ stderr }) => stderr.includes('trying again…'));
  await hub.restart();
  await listener.until(({ stderr }) => stderr.includes('Listening to logs'));
  await tidings(hub, 'publish', 'logs', 'x');
  await listener.until(({ stdoutLines }) => stdoutLines > 0);
  expect(listener.stderr).toBe(
    `Cannot listen to the hub at ${hub.url} (nothing listens there), trying again…\nListening to logs at ${hub.url} (Ctrl-C ends)\n`,
  );
});

test.skipIf(process.platform !== 'linux').each([
  ['n', 1, 'tidings: jobs/7 was not deleted', '1 event'],
  ['y', 0, 'Deleted jobs/7', undefined],
])('at a terminal %s answers the question whether to delete a topic', async (answer, code, said, left) => {
  const hub = await HubProcess.start('--memory');
  await tidings(hub, 'publish', 'jobs/7', 'x');
  const command = `'${process.execPath}' '${MAIN}' topics delete jobs/7 --hub '${hub.url}'`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void terminal.kill('SIGKILL'));
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (!shown.includes('[y/N]') && `${shown}${part}`.includes('[y/N]')) terminal.stdin.write(`${answer}\r`);
    shown += part;
  });
  const ended = new Promise((resolve) => terminal.once('close', resolve));
  expect(await ended).toBe(code);
  expect(shown).toContain(`Delete jobs/7 with 1 event at ${hub.url}? [y/N] `);
  expect(shown).toContain(said);
  const [, list] = await tidings(hub, 'topics', 'list');
  if (left === undefined) expect(list).toBe('');
  else expect(list).toContain(left);
});
