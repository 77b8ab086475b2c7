import { readFile } from 'node:fs/promises';
import { subscribe } from '@tidings/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run } from './command.ts';
import { HubProcess } from './hub-process.ts';
import { ask, get, isThere, place, type Placed, placeOnBoth, publish } from './placed.ts';

describe.skipIf(process.platform !== 'linux')('tidings serve --workers', () => {
  test('what is published by one worker reaches the listeners of all, all tell the same of them, and SIGTERM ends all in good order', async () => {
    const key = 'the-key-of-this-hub';
    const secret = 'a-secret-of-32-bytes-at-the-least';
    const access = ['--key', key, '--jwt-secret', secret, '--jwt-audience', 'here', '--anonymous', 'all'];
    const hub = await HubProcess.start('--workers', '2', '--verbose', ...access);
    const both = await placeOnBoth(hub);
    const publishers = new Set<unknown>();
    let sent = 0;
    // Until both have published: each request is of a connection of its own.
    while (publishers.size < 2) {
      sent += 1;
      expect(await publish(hub, `event ${sent}.`)).toBe(200);
      const published = hub.process.stderr.split('\n').filter((text) => text.includes('Events were published'));
      for (const text of published) publishers.add((JSON.parse(text) as { worker: number }).worker);
    }
    await Promise.all(both.map(({ until }) => until(`event ${sent}.`)));
    for (const { text } of both) expect(text().match(/event \d+\./g)).toHaveLength(sent);
    const count = (hub.process.stderr.match(/A listener has come/g) ?? []).length;
    const answers = new Set<string>();
    for (let time = 0; time < 8; time += 1) {
      const { listeners } = await get(hub, 'healthz', key);
      const { topics } = await get(hub, 'topics', key);
      const [first] = topics as [{ listeners: number }];
      const ids: unknown[] = [];
      let next: string | undefined;
      // The listeners of one worker and then of the other, a page for each.
      do {
        const after = next === undefined ? '' : `&after=${next}`;
        const page = await get(hub, `listeners?topic=t&limit=1${after}`, key);
        expect(page['count']).toBe(count);
        ids.push(...(page['listeners'] as { id: string }[]).map(({ id }) => id));
        next = page['next'] as string | undefined;
      } while (next !== undefined);
      answers.add(JSON.stringify([listeners, first.listeners, ids]));
    }
    const [[inAll, ofTopic, ids] = []] = [...answers].map((answer) => JSON.parse(answer) as [number, number, string[]]);
    expect(answers.size).toBe(1);
    expect([inAll, ofTopic, new Set(ids).size]).toEqual([count, count, count]);

    const { ticket } = JSON.parse((await ask(hub, 'POST', 'tickets?match_urlpattern=*', '', key)).body) as {
      ticket: string;
    };
    const holders: Placed[] = [];
    // It is taken to one worker after the other until both have had it.
    while (new Set(holders.map(({ worker }) => worker)).size < 2) holders.push(await place(hub, `&ticket=${ticket}`));
    const last = holders.pop()!;
    await Promise.all(holders.map(({ ended }) => ended));
    await publish(hub, 'for the last of them');
    await last.until('for the last of them');

    // As systemd does it, to every process.
    hub.process.kill('SIGTERM');
    for (const { pid } of both) process.kill(pid, 'SIGTERM');
    await Promise.all(both.map(({ ended }) => ended));
    for (const { text } of both) expect(Number(/^retry: (\d+)$/m.exec(text())?.[1])).toBeGreaterThanOrEqual(5000);
    const { code, stdout, stderr } = await hub.process.result();
    expect(code).toBe(0);
    expect(stdout.match(/running at/g)).toHaveLength(1);
    expect(stderr.match(/Stopping…/g)).toHaveLength(1);
    for (const { pid } of both) expect(isThere(pid)).toBe(false);
  });

  test('a worker that is killed takes only its own listeners with it, who lose nothing, and is replaced', async () => {
    const hub = await HubProcess.start('--workers', '2', '--verbose');
    const data: string[] = [];
    const all = Array.from({ length: 8 }, () => subscribe(new URL('topics/t', hub.url), { retry: { initialMs: 1 } }));
    onTestFinished(() => all.forEach((events) => events.close()));
    const wanderers = all.map(async (events) => {
      const got: string[] = [];
      for await (const event of events) {
        got.push(event.data);
        if (event.data === 'last') break;
      }
      data.push(got.join());
    });
    await hub.process.until(({ stderr }) => (stderr.match(/"url":"\/topics\/t"/g) ?? []).length === 8);
    const [stays, goes] = await placeOnBoth(hub);
    expect(await publish(hub, 'first')).toBe(200);
    process.kill(goes.pid, 'SIGKILL');
    await goes.ended;
    // Nobody waits for the next worker: the other one takes what comes.
    expect(await publish(hub, 'between')).toBe(200);
    await hub.process.until(({ stderr }) => stderr.includes(`Worker ${goes.worker} is running`));
    expect(hub.process.stderr).toContain(
      `Worker ${goes.worker} was ended by SIGKILL; its listeners come back to the others, and the next one starts in 0.25 s`,
    );
    for (;;) {
      const { worker, pid } = await place(hub);
      if (worker !== goes.worker) continue;
      expect(pid).not.toBe(goes.pid);
      break;
    }
    expect(await publish(hub, 'last')).toBe(200);
    await Promise.all(wanderers);
    expect(data).toEqual(Array.from({ length: 8 }, () => 'first,between,last'));
    await stays.until('last');
    expect(stays.text().match(/^data: (first|between|last)$/gm)).toHaveLength(3);
    // Its log is whole: each line is an object or a line for people.
    for (const text of hub.process.stderr.split('\n')) if (text.startsWith('{')) JSON.parse(text);

    // When the process of the log is killed, all workers end, and tell their listeners.
    const both = await placeOnBoth(hub);
    hub.process.kill('SIGKILL');
    await Promise.all(both.map(({ ended }) => ended));
    for (const { text } of both) expect(text()).toMatch(/^retry: \d+$/m);
    await expect.poll(() => both.filter(({ pid }) => isThere(pid)), { timeout: 20_000 }).toEqual([]);
  });

  test.each(['SIGHUP to the supervisor', 'SIGKILL to the process of the log'])(
    'with --supervise nothing is lost by %s',
    async (what) => {
      const hub = await HubProcess.start('--supervise', '--workers', '2', '--verbose');
      const data: string[] = [];
      const events = subscribe(new URL('topics/t', hub.url), { lastEventId: 'earliest', retry: { initialMs: 1 } });
      onTestFinished(() => events.close());
      const listening = (async () => {
        for await (const event of events) {
          data.push(event.data);
          if (event.data === 'after') return;
        }
      })();
      expect(await publish(hub, 'before')).toBe(200);
      const both = await placeOnBoth(hub);
      if (what.startsWith('SIGHUP')) hub.process.kill('SIGHUP');
      else {
        const stat = await readFile(`/proc/${both[0].pid}/stat`, 'utf8');
        const owner = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        process.kill(owner, 'SIGKILL');
      }
      await Promise.all(both.map(({ ended }) => ended));
      // Other programs hold the port, so nobody has to stay away for long.
      for (const { text } of both) expect(Number(/^retry: (\d+)$/m.exec(text())?.[1])).toBeLessThanOrEqual(2000);
      await hub.process.until(({ stderr }) => stderr.includes('The next hub is running'));
      let status = 0;
      // A worker of the hub before may take it, and says 503 to the last connections that it has.
      while (status !== 200) status = await publish(hub, 'after').catch(() => 0);
      await listening;
      expect(data.filter((text) => text !== 'after')).toEqual(['before']);
      hub.process.kill('SIGTERM');
      expect((await hub.process.result()).code).toBe(0);
    },
  );

  test('options that are wrong are told once', async () => {
    const { code, stderr } = await run(['serve', '--workers', '2', '--memory', '--port', '0', '--max-matchers', '0']);
    expect([code, stderr.match(/max-matchers/g)]).toEqual([2, ['max-matchers']]);
  });
});
