import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PostgresServer, withoutPostgres } from '../../../test/postgres-server.ts';
import { CommandProcess } from './command.ts';
import { HubProcess } from './hub-process.ts';

let server: PostgresServer;
beforeAll(async () => {
  if (!withoutPostgres) server = await PostgresServer.start();
}, 60_000);
afterAll(() => (withoutPostgres ? undefined : server.close()));

describe.skipIf(withoutPostgres)('tidings serve --log', () => {
  test('keeps the events in the database, also for another hub, and shows no password', async () => {
    const url = server.url.replace('tidings@', 'tidings:hidden-word@');
    const [hub, other] = await Promise.all([
      HubProcess.start('--log', `${url}?schema=hub`, '--verbose'),
      HubProcess.start('--log', `${url}?schema=hub`),
    ]);
    expect(hub.process.stdout).toContain(`kept in PostgreSQL at 127.0.0.1:${server.port}/postgres`);
    const published = await fetch(new URL('topics/a', hub.url), { method: 'POST', body: 'hello' });
    expect(published.status).toBe(200);
    await hub.kill();
    const read = await fetch(new URL('topics/a?last_event_id=earliest', other.url), {
      headers: { accept: 'application/json' },
    });
    expect(await read.text()).toContain('hello');
    await hub.restart();
    expect((await fetch(new URL('healthz', hub.url))).status).toBe(200);
    const { stdout, stderr } = hub.process;
    expect(stdout + stderr).not.toContain('hidden-word');
    expect(await server.ask('select seq from hub.events')).toEqual([{ seq: '1' }]);
  });

  test('a hub that stands still holds up no other, and its listeners miss nothing when it goes on', async () => {
    const [still, other] = await Promise.all([
      HubProcess.start('--log', `${server.url}?schema=still`),
      HubProcess.start('--log', `${server.url}?schema=still`),
    ]);
    const gone = new AbortController();
    const response = await fetch(new URL('topics/a', still.url), { signal: gone.signal });
    const publish = (hub: HubProcess, data: string): Promise<Response> =>
      fetch(new URL('topics/a', hub.url), { method: 'POST', body: data });
    // Some of these may be under way when it stops.
    const own = [1, 2, 3, 4].map((n) => publish(still, `own ${n}`));
    await own[0];
    still.process.kill('SIGSTOP');
    for (let n = 1; n <= 30; n += 1) expect((await publish(other, `other ${n}`)).status).toBe(200);
    still.process.kill('SIGCONT');
    for (const answer of own) expect((await answer).status).toBe(200);
    await publish(other, 'last');
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('data: last\n')) break;
    }
    gone.abort();
    expect(text).not.toContain('tidings-gap');
    const got = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data!);
    expect(got.filter((data) => data.startsWith('own')).toSorted()).toEqual(['own 1', 'own 2', 'own 3', 'own 4']);
    const others = Array.from({ length: 30 }, (_, index) => `other ${index + 1}`);
    expect(got.filter((data) => !data.startsWith('own'))).toEqual([...others, 'last']);
  });

  test('says why a database cannot be used, or what it needs', async () => {
    const run = (...args: string[]): Promise<{ code: number | null; stderr: string }> =>
      new CommandProcess(['serve', '--port', '0', ...args]).result();
    const [away, missing, both, form, printed] = await Promise.all([
      run('--log', 'postgres://u:hidden-word@127.0.0.1:1/x'),
      run('--log', server.url.replace(/postgres$/, 'nothing')),
      run('--log', server.url, '--memory'),
      run('--log', 'mysql://u:hidden-word@x'),
      new CommandProcess(['serve', '--log', 'postgres://u:hidden-word@x/y', '--print-config']).result(),
    ]);
    expect([away.code, away.stderr]).toEqual([
      1,
      expect.stringMatching(
        /cannot start the hub with its events in PostgreSQL at 127.0.0.1:1\/x: Cannot reach the database: .*ECONNREFUSED/,
      ),
    ]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringMatching(
        /cannot start the hub with its events in PostgreSQL at .*: Cannot use the database: database "nothing" does not exist/,
      ),
    ]);
    expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/--log cannot be used with --memory/)]);
    expect([form.code, form.stderr]).toEqual([
      2,
      expect.stringMatching(/--log is .*must be a URL that begins with postgres:\/\/, nats:/),
    ]);
    expect(printed.stdout).toMatch(/^log: "\*{8}" +# --log$/m);
    for (const { stderr } of [away, form, printed]) expect(stderr).not.toContain('hidden-word');
  });
});
