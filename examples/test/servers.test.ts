import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMissing } from '../../test/browser.ts';
import { curl, writes } from './curl.ts';
import { startAlone, type ExampleProcess } from './example-process.ts';

const EXAMPLES = join(import.meta.dirname, '..');
const NAMES = ['clock', 'start-stop', 'reconnect', 'send-message', 'ping'] as const;
const DATE = String.raw`\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4} \([^)]+\)`;

describe.skipIf(isMissing('curl'))('with curl', { concurrent: true }, () => {
  const servers = new Map<string, ExampleProcess>();

  beforeAll(async () => {
    await Promise.all(NAMES.map(async (name) => servers.set(name, await startAlone(name))));
  });

  afterAll(async () => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  const url = (name: (typeof NAMES)[number], path: string): string => servers.get(name)!.url() + path;

  test('clock sends its time and another message in one write, and ends', async () => {
    const { output, code } = await curl(['--raw', '--include', url('clock', 'event')]);
    const [head = ''] = output.split('\r\n\r\n');
    expect(code).toBe(0);
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(head).toContain('Content-Type: text/event-stream\r\n');
    expect(head).toContain('Access-Control-Allow-Origin: *\r\n');
    expect(writes(output).map((write) => write.replace(/\d{13}/, 'NOW'))).toEqual([
      'event: cur_time\nretry: 10000\ndata: {"time":NOW}\n\ndata: See you in ten seconds\n\n',
    ]);
    expect(output).toMatch(/\r\n0\r\n\r\n$/);
  });

  test('clock answers any other path with text', async () => {
    const { output } = await curl(['--include', url('clock', 'some/other/path')]);
    expect(output).toContain('Content-Type: text/plain');
    expect(output).toMatch(/\r\n\r\nHello World!\n$/);
  });

  test('start-stop sends the date every second to every origin', async () => {
    const { output } = await curl(['--include', url('start-stop', 'currentTime')], /(data: .*\n\n[^]*){2}/);
    expect(output).toContain('Access-Control-Allow-Origin: *\r\n');
    expect(output).toMatch(new RegExp(String.raw`\r\n\r\n:\n\n(data: ${DATE}\n\n){2}$`));
  });

  test('start-stop sends a name, then an age, and leaves the response open', async () => {
    const { output, code } = await curl([url('start-stop', 'people')], /age\ndata: .*\n\n/);
    expect(output).toBe(':\n\nevent: name\ndata: Alice\n\nevent: age\ndata: 24\n\n');
    expect(code).toBeNull();
  });

  test('reconnect breaks off after three digits and a bye, with the ids behind the data', async () => {
    const { output, code } = await curl([url('reconnect', 'digits')]);
    expect(output).toBe(
      'retry: 1000\n\ndata: 1\nid: 1\n\ndata: 2\nid: 2\n\ndata: 3\nid: 3\n\nevent: bye\ndata: bye-bye\n\n',
    );
    // "Transfer closed with outstanding data": the response does not look finished.
    expect(code).toBe(18);
  });

  test.for([
    ['3', [4, 5, 6]],
    ['6', [7, 8, 9]],
    ['not a digit', [1, 2, 3]],
  ] as const)('reconnect goes on behind the last event ID %s', async ([id, digits]) => {
    const { output } = await curl(['--header', `Last-Event-ID: ${id}`, url('reconnect', 'digits')]);
    const sent = digits.map((digit) => `data: ${digit}\nid: ${digit}\n\n`).join('');
    expect(output).toBe(`retry: 1000\n\n${sent}event: bye\ndata: bye-bye\n\n`);
  });

  test('reconnect has a chat with people who join, speak and leave', async () => {
    const { output } = await curl([url('reconnect', 'chat')], /leave\ndata: Bob\n\n/);
    const blocks = output.replaceAll(/^id: .*\n/gm, '');
    expect(blocks).toContain('event: join\ndata: Bob\n\ndata: Hello\n\nevent: leave\ndata: Bob\n\n');
  });

  test.for([
    ['stop', 204, {}],
    ['moved', 301, { location: 'digits' }],
    ['temporary', 307, { location: 'digits' }],
    ['wrong-type', 200, { 'content-type': 'text/plain; charset=utf-8' }],
  ] as const)('reconnect answers %s with %i', async ([path, status, headers]) => {
    const format = '%{http_code} %{header_json}';
    const { output } = await curl(['--output', '/dev/null', '--write-out', format, url('reconnect', path)]);
    expect(output.slice(0, 3)).toBe(String(status));
    const sent = JSON.parse(output.slice(4)) as Record<string, string[]>;
    for (const [name, value] of Object.entries(headers)) expect(sent[name]).toEqual([value]);
  });

  test.for([
    [[], 1],
    [['--cookie', 'visits=7'], 8],
  ] as const)('reconnect counts the visits of %s: %i', async ([cookie, visit]) => {
    const { output } = await curl(['--include', ...cookie, url('reconnect', 'visits')]);
    expect(output).toMatch(new RegExp(`^Set-Cookie: visits=${visit}; .*SameSite=None`, 'm'));
    expect(output).toMatch(new RegExp(`\\r\\n\\r\\n:\\n\\nretry: 1000\\ndata: visit ${visit}\\n\\n$`));
  });

  test.for(['moved', 'temporary'])('reconnect leads from %s to the digits', async (path) => {
    const { output } = await curl(['--location', url('reconnect', path)], /data: 1\n/);
    expect(output).toContain('data: 1\n');
  });

  test.for([
    ['reconnect', 'digits'],
    ['reconnect', 'chat'],
    ['ping', 'sse-demo'],
  ] as const)('%s shows %s to its own other origin, with credentials, and to no one else', async (stream) => {
    const [name, path] = stream;
    const { port } = servers.get(name)!;
    const headOf = async (origin: string): Promise<string> =>
      (await curl(['--include', '--header', `Origin: ${origin}`, url(name, path)], /\r\n\r\n/)).output;
    const ours = await headOf(`http://localhost:${port}`);
    expect(ours).toContain(`Access-Control-Allow-Origin: http://localhost:${port}\r\n`);
    expect(ours).toContain('Access-Control-Allow-Credentials: true\r\n');
    expect(ours).toMatch(/Vary: .*Origin/);
    expect(await headOf('https://example.com')).not.toContain('Access-Control-Allow-Origin');

    const preflight = ['--header', 'Access-Control-Request-Method: GET'];
    const asks = ['--header', 'Access-Control-Request-Headers: last-event-id'];
    const origin = ['--header', `Origin: http://localhost:${port}`];
    const { output } = await curl(['-i', '-X', 'OPTIONS', ...preflight, ...asks, ...origin, url(name, path)]);
    expect(output).toMatch(/^HTTP\/1.1 204 /);
    expect(output).toMatch(/Access-Control-Allow-Headers: last-event-id/i);
  });

  test('send-message writes a message, a comment and an event at once', async () => {
    const { output } = await curl(['--raw', '--include', url('send-message', 'sendMessage')], /myEvent\n.*\n\n\r\n/);
    const time = String.raw`\d{1,2}:\d\d:\d\d( [AP]M)?`;
    const blocks = String.raw`data: ${time}\n\n: This is a comment\nevent: myEvent\ndata: .*, ${time}\n\n`;
    const write = writes(output).find((text) => text.includes('myEvent'));
    expect(write?.replaceAll(/^id: .*\n/gm, '')).toMatch(new RegExp(`^${blocks}$`));
  });

  test.for(['', 'any/other/path', 'favicon.ico'])('send-message serves its page at /%s', async (path) => {
    const { output } = await curl(['--include', url('send-message', path)]);
    expect(output).toContain('Content-Type: text/html');
    expect(output).toContain('<h1>Send message</h1>');
  });

  test('ping mixes pings, messages, people and comments that keep it alive', async () => {
    const { output } = await curl(['--include', url('ping', 'sse-demo')], /userdisconnect[^]*userconnect[^]*\n\n/);
    expect(output).toContain('X-Accel-Buffering: no\r\n');
    expect(output).toMatch(/Cache-Control: no-cache/);
    expect(output).toMatch(/\n\nevent: ping\ndata: {"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"}\n\n/);
    expect(output).toContain(': This is a test stream\n\n');
    expect(output).toMatch(/event: ping\n.*\n\n(?:[^]*\n\n)?:\n\n/);
    expect(output).toMatch(/event: userconnect\ndata: {"username":"bobby","time":"[\d:]{8}"}\n\n/);
    expect(output).toContain('data: to accomplish some task.\n\n');
    expect(output).toMatch(/event: usermessage\ndata: {"username":"sean","text":"Bye, bobby.","time":"[\d:]{8}"}\n\n/);
  });
});

describe('a server alone', () => {
  test('listens on the port of its environment', async () => {
    await using taken = await startAlone('clock');
    const { port } = taken;
    await taken.kill();
    await using server = await startAlone('clock', { env: { PORT: String(port) } });
    expect(server.url()).toBe(`http://127.0.0.1:${port}/`);
    const page = await fetch(server.url());
    expect(await page.text()).toContain('id="cur_time"');
  });

  test('says what a port may be', async () => {
    await expect(startAlone('clock', { port: 65_536 })).rejects.toThrow(
      'Cannot listen on port "65536": it must be a number from 0 to 65535',
    );
  });

  test.each([
    ['clock/server.ts', ['--prt', '1'], 'Cannot start the example clock: found --prt; allowed is --port NUMBER'],
    ['clock/server.ts', ['--port'], 'Cannot start the example clock: --port has no number behind it'],
    [
      'serve.ts',
      ['chat'],
      'Cannot start the examples, which are all served at once: found "chat"; allowed is --port NUMBER',
    ],
  ])('%s says what is allowed in the place of %j', (file, args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [join(EXAMPLES, file), ...args], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: `${message}\n` });
  });

  test('ends the loop of ping when its listener has gone', async () => {
    // A loop that went on would keep the process alive.
    const program = `
      import { createServer } from 'node:http';
      import { ping } from './examples/ping/server.ts';
      const server = createServer((request, response) => {
        response.on('close', () => server.close());
        ping.streams['sse-demo'](request, response);
      });
      server.listen(0, '127.0.0.1', async () => {
        const away = new AbortController();
        const { body } = await fetch('http://127.0.0.1:' + server.address().port, { signal: away.signal });
        await body.getReader().read();
        away.abort();
      });
    `;
    const run = promisify(execFile);
    const args = ['--input-type=module', '--eval', program];
    const { stderr } = await run(process.execPath, args, { cwd: join(import.meta.dirname, '../..'), timeout: 20_000 });
    expect(stderr).toBe('');
  });
});
