import * as hub from '@tidings/hub';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { program, RunningProgram, strictErrors, whenUp } from '../../../test/program.ts';

const PAGE = 'packages/hub/README.md';
const FOLDER = join(import.meta.dirname, '..');
const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');

test('the package exports exactly these names', () => {
  expect(Object.keys(hub).toSorted()).toEqual([
    'Hub',
    'HubError',
    'LogHost',
    'MemoryLog',
    'PROBLEMS',
    'PROBLEM_TYPES',
    'Problem',
    'RemoteLog',
    'access',
    'authenticateByKey',
    'checkBinding',
    'checkCertificate',
    'checkGrant',
    'compilePattern',
    'createServer',
    'explainMercureToken',
    'explainToken',
    'health',
    'isGap',
    'isLoopback',
    'listeners',
    'mercure',
    'metrics',
    'page',
    'topics',
  ]);
});

/** Runs the program of the README that has the word, and gives the URL where it serves. */
async function start(word: string): Promise<{ readonly running: RunningProgram; readonly url: string }> {
  const port = await freePort();
  const running = RunningProgram.node(program(PAGE, 'js', word).replaceAll('4000', String(port)));
  return { running, url: `http://127.0.0.1:${port}` };
}

/** Reads a stream up to a text, and lets it go. */
async function readUntil(response: Response, end: string): Promise<string> {
  let text = '';
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk).toString();
    if (text.includes(end)) return text;
  }
  throw new Error(`The stream ended before ${JSON.stringify(end)}: ${JSON.stringify(text)}`);
}

describe('the README', () => {
  test('names every code of an error, and no other', () => {
    const source = readFileSync(join(FOLDER, 'src/errors.ts'), 'utf8');
    const codes = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code!);
    expect(codes(README, /^\| `(ERR_\w+)`/gm)).toEqual(codes(source, /\| '(ERR_\w+)'/g));
  });

  test('names every option, and no other', () => {
    const members = (file: string, name: string): string[] => {
      const source = readFileSync(join(FOLDER, 'src', file), 'utf8');
      const [, body = ''] =
        new RegExp(String.raw`^export interface ${name} .*\{\n([\s\S]*?)^\}$`, 'm').exec(source) ?? [];
      return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member]) => member!);
    };
    const limits = members('limits.ts', 'HubLimits');
    expect(limits.length).toBeGreaterThan(4);
    const expected = [
      ...members('options.ts', 'HubOptions').filter((name) => name !== 'limits'),
      ...members('access/key.ts', 'KeyOptions'),
      ...members('access/proxies.ts', 'ProxyOptions'),
      ...limits.map((name) => `limits.${name}`),
    ];
    const [, table = ''] = README.split(/^## Options.*$/m);
    const named = [...table.split(/^## /m)[0]!.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name!);
    expect(named.toSorted()).toEqual(expected.toSorted());
  });

  test('names every option of publish() and events()', () => {
    const optionsOf = (file: string, name: string): string[] => {
      const source = readFileSync(join(FOLDER, 'src/program', file), 'utf8');
      const [, body = ''] =
        new RegExp(String.raw`^export interface ${name} .*\{\n([\s\S]*?)^\}$`, 'm').exec(source) ?? [];
      return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member]) => member!);
    };
    const all = [...optionsOf('publish.ts', 'HubPublishOptions'), ...optionsOf('matchers.ts', 'HubEventsOptions')];
    expect(all).toHaveLength(9);
    expect(all.filter((option) => !README.includes(`\n| \`${option}\` |`))).toEqual([]);
  });

  test('has a hub for first steps', async () => {
    const { running, url } = await start('const hub = new Hub({ log });\ncreateServer(hub).listen(4000');
    const topic = `${url}/topics/greetings`;
    await whenUp(running, `${url}/healthz`);
    const listening = await fetch(topic);
    await fetch(topic, { method: 'POST', body: 'Hello' });
    expect(await readUntil(listening, 'data: Hello\n')).toContain('event: tidings-heartbeat\n');
  });

  test('has rights by a token of one’s own', async () => {
    const { running, url } = await start('authenticate(');
    const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
    expect((await whenUp(running, `${url}/topics/news`)).status).toBe(200);
    expect((await fetch(`${url}/topics/users/7`)).status).toBe(401);
    expect((await fetch(`${url}/topics/users/8`, as('token-of-7'))).status).toBe(403);
    expect((await fetch(`${url}/topics/users/7`, as('token-of-7'))).status).toBe(200);
    expect((await fetch(`${url}/topics/news`, { method: 'POST', ...as('token-of-7') })).status).toBe(403);
    expect((await fetch(`${url}/topics/news`, { method: 'POST', ...as('token-of-server') })).status).toBe(200);
  });

  test('has rights that strict TypeScript takes', async () => {
    expect(await strictErrors(program(PAGE, 'js', 'authenticate('))).toBe('');
  });

  test('has a hub that publishes by itself', async () => {
    const { running, url } = await start('log.append(');
    await running.printed(' false\n');
    expect(running.output).toMatch(/^2 \w+\.2 false\n$/);
    const listening = await whenUp(running, `${url}/topics/orders%2F42?last=1`);
    expect(await readUntil(listening, 'data: {"amount":12}\n')).toContain('event: paid\n');
  });

  test('has a program that publishes and one that iterates', async () => {
    const publishing = RunningProgram.node(program(PAGE, 'js', 'idempotencyKey'));
    expect(await publishing.ended()).toEqual({ code: 0, output: 'true false true\n' });
    const iterating = RunningProgram.node(program(PAGE, 'js', 'hub.events('));
    expect(await iterating.ended()).toEqual({ code: 0, output: 'orders/41 paid 12\norders/42 paid 30\n' });
  });

  test('has a hub that ends in good order on SIGTERM', async () => {
    const { running, url } = await start('server.close');
    const listening = await whenUp(running, `${url}/topics/a`);
    running.stop();
    expect(await listening.text()).toMatch(/retry: \d+\n\n$/);
    expect(await running.ended()).toEqual({ code: 0, output: '' });
  });

  test('has a face of one’s own', async () => {
    const { running, url } = await start('const count');
    const answer = await whenUp(running, `${url}/count`);
    expect(await answer.json()).toEqual({ listeners: 0 });
    expect((await fetch(`${url}/count`, { method: 'DELETE' })).status).toBe(405);
    expect((await fetch(`${url}/topics/a`, { method: 'POST', body: 'x' })).status).toBe(200);
  });

  test.skipIf(process.platform === 'win32')('has a hub that serves on all cores', async () => {
    const { running, url } = await start('node:cluster');
    const streams: Response[] = [await whenUp(running, `${url}/topics/a`)];
    for (let more = 0; more < 5; more += 1) streams.push(await fetch(`${url}/topics/a`));
    for (const data of ['1', '2', '3', '4']) {
      // Each may be taken by another worker.
      const headers = { connection: 'close' };
      expect((await fetch(`${url}/topics/a`, { method: 'POST', body: data, headers })).status).toBe(200);
    }
    const { listeners } = (await (await fetch(`${url}/healthz`)).json()) as { listeners: number };
    expect(listeners).toBe(streams.length);
    // Whichever has it tells of the listeners of all.
    const accept = 'text/event-stream';
    const watching = await fetch(`${url}/listeners?topic=a`, { headers: { accept, connection: 'close' } });
    let known = '';
    for await (const part of watching.body!.pipeThrough(new TextDecoderStream())) {
      known += part;
      if (known.includes('"count"')) break;
    }
    expect(known).toContain(`"count":${streams.length}`);
    const read = streams.map(async (stream) => await stream.text());
    running.stop();
    for (const text of await Promise.all(read)) {
      expect(text.match(/^data: \d$/gm)).toEqual(['data: 1', 'data: 2', 'data: 3', 'data: 4']);
      expect(text).toMatch(/^retry: \d+$/m);
    }
    expect(await running.ended()).toEqual({ code: 0, output: '' });
  });

  test('has a hub in a Fetch server', async () => {
    const { output, code } = await RunningProgram.node(program(PAGE, 'js', 'hub.fetch')).ended();
    expect([output, code]).toEqual(['200 text/event-stream\n', 0]);
  });
});
