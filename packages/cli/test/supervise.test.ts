import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { subscribe } from '@tidings/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { runtimes } from '../../../scripts/runtimes.mjs';
import { type CommandProcess, run } from './command.ts';
import { HubProcess } from './hub-process.ts';

/** The hubs of a supervisor, as the system knows them. */
async function hubsOf(supervisor: CommandProcess): Promise<number[]> {
  const { pid } = supervisor;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

/** The status of an answer on a connection of its own. Rejects where the connection is refused or reset. */
function statusOn(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end();
  });
}

const publish = async (hub: HubProcess, data: string): Promise<number> =>
  (await fetch(new URL('topics/t', hub.url), { method: 'POST', body: data })).status;

describe.skipIf(process.platform !== 'linux')('tidings serve --supervise', () => {
  test.each([
    ['is asked to restart', 'The next hub is running'],
    ['is killed', 'connections wait for the next one'],
  ] as const)('nobody is refused and nothing is lost when the hub %s', async (what, told) => {
    const hub = await HubProcess.start('--supervise');
    const data: string[] = [];
    const events = subscribe(new URL('topics/t', hub.url), { lastEventId: 'earliest', retry: { initialMs: 1 } });
    const listening = (async () => {
      for await (const event of events) {
        data.push(event.data);
        if (event.data === 'after') return;
      }
    })();
    expect(await publish(hub, 'before')).toBe(200);
    const [first] = await hubsOf(hub.process);
    let isOver = false;
    const statuses = (async () => {
      const seen = new Set<number>();
      // One connection after the other: each of them comes at another moment of the restart.
      while (!isOver) seen.add(await statusOn(new URL('healthz', hub.url).href).catch(() => 0));
      return seen;
    })();
    if (what === 'is killed') process.kill(first!, 'SIGKILL');
    else hub.process.kill('SIGHUP');
    await hub.process.until(({ stderr }) => stderr.includes(told) && stderr.includes('The next hub is running'));
    isOver = true;
    // A hub that closes says 503 on connections that it has accepted, and one that is killed resets them. None is refused.
    const seen = await statuses;
    expect(seen).toContain(200);
    expect([...seen].filter((status) => ![200, what === 'is killed' ? 0 : 503].includes(status))).toEqual([]);
    expect(await publish(hub, 'after')).toBe(200);
    await listening;
    expect(data).toEqual(['before', 'after']);
    expect(await hubsOf(hub.process)).not.toContain(first);
    // The one that has been there says nothing again.
    expect(hub.process.stdout.match(/running at/g)).toHaveLength(1);
    hub.process.kill('SIGTERM');
    expect((await hub.process.result()).code).toBe(0);
  });

  test.each(runtimes.filter(({ kind, name }) => kind === 'node' && !isMissing(name)))(
    'a hub that ends answers on every connection that it has, and others wait for the next hub, on $title',
    async ({ path }) => {
      const hub = await HubProcess.start('--supervise', { node: path });
      hub.process.kill('SIGHUP');
      const statuses = new Set<number>();
      while (!hub.process.stderr.includes('The next hub is running')) {
        statuses.add(await statusOn(new URL('healthz', hub.url).href));
        // On a connection that is kept from one request to the next.
        statuses.add(await publish(hub, 'between'));
      }
      expect([...statuses].filter((status) => ![200, 503].includes(status))).toEqual([]);
      hub.process.kill('SIGTERM');
      expect((await hub.process.result()).code).toBe(0);
    },
  );

  test('a supervisor that is killed takes its hub with it, in good order', async () => {
    const hub = await HubProcess.start('--supervise');
    const [pid] = await hubsOf(hub.process);
    const response = await fetch(new URL('topics/t', hub.url));
    hub.process.kill('SIGKILL');
    // Nobody is refused, so nobody has to stay away.
    expect(Number(/^retry: (\d+)$/m.exec(await response.text())![1])).toBeLessThanOrEqual(2000);
    expect(await hub.process.result()).toMatchObject({ code: null });
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
  });

  test('options that are wrong end it at once, and are told once', async () => {
    const { code, stderr } = await run(['serve', '--supervise', '--memory', '--host', '0.0.0.0']);
    expect(code).toBe(2);
    expect(stderr.match(/without a key the hub listens on loopback/g)).toHaveLength(1);
  });

  test('a port that is in use ends it', async () => {
    const hub = await HubProcess.start('--memory');
    const { port } = new URL(hub.url);
    const { code, stderr } = await run(['serve', '--supervise', '--memory', '--port', port]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tidings: port ${port} is in use by another program: choose another port with --port\n`,
    });
  });

  test('a terminal that is closed ends it, although that is told by SIGHUP, too', async () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    // One that goes on must not outlive the test.
    const command = `exec timeout 60 '${process.execPath}' '${main}' serve --supervise --memory --port 0`;
    const terminal = spawn('script', ['--quiet', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let text = '';
    while (!text.includes('npx tidings listen')) text += String((await once(terminal.stdout, 'data'))[0]);
    const [url = ''] = /http:\S+/.exec(text) ?? [];
    expect(await statusOn(new URL('healthz', url).href)).toBe(200);
    terminal.kill('SIGKILL');
    const isGone = (): Promise<boolean> =>
      statusOn(new URL('healthz', url).href).then(
        () => false,
        () => true,
      );
    await expect.poll(isGone, { timeout: 20_000 }).toBe(true);
    // A hub that is started anew would be there again by now: the supervisor has no port any more.
    expect(await isGone()).toBe(true);
  });

  test('Ctrl-C at a terminal, which goes to all processes of its group, ends it in good order', async () => {
    const hub = await HubProcess.start('--supervise', { detached: true });
    await hub.process.until(({ stderr }) => stderr.includes('restarts the hub'));
    process.kill(-hub.process.pid, 'SIGINT');
    expect(await hub.process.result()).toMatchObject({
      code: 0,
      stderr: `kill -HUP ${hub.process.pid} restarts the hub\nStopping…\n`,
    });
  });
});
