import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Result, run } from './command.ts';
import { HubProcess, temporaryFolder } from './hub-process.ts';

const KEY = 'a-key-of-sixteen-or-more';

/** One sentence on standard error, nothing on standard output. */
function expectMistake(
  { code, stdout, stderr }: Result,
  exitCode: number,
  ...parts: readonly (string | RegExp)[]
): void {
  expect(stderr).toMatch(/^tidings: [^\n]+\n$/);
  expect(stderr).not.toMatch(/\.\n$|\bat .*:\d+:\d+/);
  for (const part of parts) expect(stderr).toMatch(part);
  expect(stdout).toBe('');
  expect(code).toBe(exitCode);
}

/** Listens on a free port of the loopback address until the test ends or `close` is called. */
async function listenOnFreePort(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  onTestFinished(close);
  return { port: (server.address() as AddressInfo).port, close };
}

async function unusedPort(): Promise<number> {
  const { port, close } = await listenOnFreePort(createServer());
  await close();
  return port;
}

test.each([
  ['--jwt-key', '-----BEGIN PUBLIC KEY-----\nhushhush\n-----END PUBLIC KEY-----\n'],
  ['--jwt-key', 'hush'.repeat(8)],
  ['--jwt-key', '{"kty":"oct","k":"hush"}'],
  ['--tls-key', '-----BEGIN PRIVATE KEY-----\nhushhush\n-----END PRIVATE KEY-----\n'],
  ['--tls-key', '-----BEGIN PRIVATE KEY-----hushhush'],
])('%s with a key in place of the path of its file does not show the key', async (option, text) => {
  const cert = join(await temporaryFolder(), 'cert.pem');
  await writeFile(cert, 'x');
  const others = option === '--tls-key' ? ['--tls-cert', cert] : [];
  const result = run(['serve', '--memory', '--check', ...others, option, text]);
  const found = `${option} is a text of ${text.length} characters that is not the path of a file`;
  expectMistake(await result, 2, found, /^(?!.*hush)/);
});

test('a key for tokens in place of the path of its file is not shown', async () => {
  const text = '-----BEGIN PRIVATE KEY-----\nhushhush\n-----END PRIVATE KEY-----\n';
  const result = run(['token', '--audience', 'https://hub.example/', '--private-key', text]);
  expectMistake(await result, 2, '--private-key is a text of 63 characters', /^(?!.*hush)/);
});

test('the query of a URL of keys is not shown', async () => {
  const url = 'http://issuer.example/keys?secret=hush';
  const result = run(['serve', '--memory', '--check', '--jwt-audience', 'x', '--jwks-url', url]);
  expectMistake(await result, 2, '--jwks-url has the URL "http://issuer.example/keys", but', /^(?!.*hush)/);
});

test('a key for administering has to be another one', async () => {
  const result = run(['serve', '--memory', '--check', '--key', KEY, '--admin-key', KEY]);
  expectMistake(await result, 2, '--admin-key is a key of publishers and listeners, too', /^(?!.*a-key-of)/);
});

test.each([
  { args: ['serv'], parts: ['no command "serv"', 'did you mean serve?', '"tidings --help"'] },
  { args: ['forget'], parts: ['no command "forget"', '"tidings --help" lists all commands'] },
  { args: ['help', 'forget'], parts: ['no command "forget"', '"tidings --help" lists all commands'] },
  { args: ['subscribe', '--help'], parts: ['no command "subscribe"', '"tidings --help" lists all commands'] },
  { args: ['topics', 'delte', '-h'], parts: ['no command "delte"', 'did you mean delete?', '"tidings topics --help"'] },
  { args: ['serve', '--compress=yes'], parts: ['the option --compress takes no value, found "yes"'] },
  { args: ['publish', 't', '-5', '--close='], parts: ['the option --close takes no value, found ""'] },
  { args: ['topics', 'delete', 't', '--yes=no'], parts: ['the option --yes takes no value, found "no"'] },
  { args: ['listen', 't', '--json=true'], parts: ['the option --json takes no value, found "true"'] },
  { args: ['--version=1'], parts: ['the option --version takes no value, found "1"'] },
  { args: ['serve', '--prot', '1'], parts: ['no option --prot', 'did you mean --port?', '"tidings serve --help"'] },
  { args: ['serve', '--vebrose=1'], parts: ['no option --vebrose', 'did you mean --verbose?'] },
  { args: ['listen', 't', '--from', '1'], parts: ['no option --from', '"tidings listen --help" lists all options'] },
  { args: ['--hub', 'http://x'], parts: ['"tidings" has no option --hub', '"tidings --help"'] },
  { args: ['serve', '--port'], parts: ['--port needs a value', '--port <number>'] },
  { args: ['serve', '--port', '99999'], parts: ['--port is "99999"', 'from 0 to 65535'] },
  { args: ['serve', '--port', 'x'], parts: ['--port', 'from 0 to 65535'] },
  { args: ['serve', '--retain-age', '7x'], parts: ['--retain-age is "7x"', 'such as 30s'] },
  { args: ['serve', '--retain-bytes', '1G'], parts: ['--retain-bytes is "1G"', 'such as 500MB'] },
  { args: ['serve', '--retain-bytes', '10'], parts: ['--retain-bytes is "10"', 'a number with the unit B, kB'] },
  { args: ['serve', '--retain-events', '0'], parts: ['--retain-events is "0"', 'from 1'] },
  { args: ['serve', '--retain', 'logs'], parts: ['--retain "logs" must be a pattern of topics', "'logs/*=age:1d"] },
  { args: ['serve', '--port', '0', '--memory', '--retain', '(a)=age:1d'], parts: ['--retain has a pattern', '"(a)"'] },
  { args: ['serve', '--memory', '--data', 'x'], parts: ['--memory cannot be used with --data'] },
  { args: ['serve', '--log', 'nats://x', '--data', 'x'], parts: ['--log cannot be used with --data'] },
  {
    args: ['serve', '--log', 'redis://me:secret@x'],
    parts: ['--log is 19 characters long', 'postgres://, nats:// or tls://'],
  },
  {
    args: ['serve', '--log', 'nats://x', '--workers', '2'],
    parts: ['--workers cannot be used with --log', 'several hubs'],
  },
  { args: ['serve', '--anonymous', 'some'], parts: ['--anonymous is "some"', 'one of none, listen, publish, all'] },
  { args: ['serve', '--anonymous', 'listen'], parts: ['nobody may publish', '--key', '--jwt-key'] },
  { args: ['serve', '--cors-origin', 'example.com'], parts: ['"example.com"', 'such as https://example.com'] },
  {
    args: ['serve', '--memory', '--port', '0', '--key', 'short'],
    parts: [/^tidings: --key is 5 characters long, but must be 16 or more printable ASCII characters/],
  },
  { args: ['serve', '--supervise', '--key', 'a key that has spaces'], parts: ['--key is 21 characters long', '16 or'] },
  { args: ['serve', '--key', ''], parts: ['--key is empty, but must be 16 or more'] },
  { args: ['serve', '--data', ''], parts: ['--data is "", but must be the path of a folder'] },
  { args: ['serve', '--host', ''], parts: ['--host is "", but must be a host name or an IP address'] },
  { args: ['serve', '--host', '0.0.0.0'], parts: ['0.0.0.0', '--key', 'TIDINGS_KEY', '--anonymous'] },
  {
    args: ['serve', '--public-url', 'https://hub.example.org/'],
    parts: ['--public-url https://hub.example.org/', '--key', 'TIDINGS_KEY', '--anonymous all'],
  },
  { args: ['serve', '--trusted-proxies', 'loopback'], parts: ['--trusted-proxies', '--key', '--anonymous all'] },
  { args: ['serve', 'more'], parts: ['"tidings serve" takes no arguments, found "more"', '"tidings serve --help"'] },
  { args: ['topics', 'delte', 'x'], parts: ['no command "delte"', 'did you mean delete?', '"tidings topics --help"'] },
  { args: ['topics', 'delete'], parts: ['"tidings topics delete" needs a topic'] },
  { args: ['topics', 'create', 'x', '--ttl', '5'], parts: ['--ttl is "5"', 'such as 30s'] },
  { args: ['topics', 'create', 'x', '--ttl', '999ms'], parts: ['--ttl is "999ms"', 'from 1s to 36500d'] },
  { args: ['topics', 'list', '--jsn'], parts: ['no option --jsn', 'did you mean --json?'] },
  { args: ['publish'], parts: ['needs a topic', 'tidings publish [options] <topic> [data]'] },
  { args: ['publish', 'a', 'b', 'c'], parts: ['takes at most 2 arguments, found "a", "b", "c"'] },
  { args: ['publish', '', 'x'], parts: ['the topic is empty'] },
  { args: ['publish', 't', 'x', '--hub', 'ftp://x'], parts: ['http://', 'ftp://x'] },
  {
    args: ['publish', 'x', '--hub', 'http://127.0.0.1:1/topics/jobs/7'],
    parts: ['must end before "topics": "http://127.0.0.1:1/" is that of the hub, and "jobs/7" is a topic'],
  },
  {
    args: ['publish', 'http://127.0.0.1:4000/topics/jobs', 'x'],
    parts: ['which is a URL of the hub: the topic\'s name is "jobs"'],
  },
  { args: ['listen', 'a', 'http://localhost:4000/topics/jobs'], parts: ['the topic\'s name is "jobs"'] },
  { args: ['topics', 'create', 'http://127.0.0.1:4000/topics/jobs'], parts: ['the topic\'s name is "jobs"'] },
  { args: ['publish', 't', 'x', '--format', 'lines'], parts: ['--format cannot be used with DATA'] },
  { args: ['publish', 't', '--format', 'xml'], parts: ['--format is "xml"', 'one of lines, event-stream, ndjson'] },
  { args: ['publish', 't', '--type', 'a\nb'], parts: ['--type is "a\\nb"', 'without line ends'] },
  { args: ['publish', 't', '--id', '1'], parts: ['--id needs DATA'] },
  { args: ['publish', 't', '--type', 'x', '--format', 'event-stream'], parts: ['--type cannot be used with'] },
  {
    args: ['publish', 't', '--latest-key', 'k', '--format', 'event-stream'],
    parts: ['--latest-key cannot be used with --format event-stream'],
  },
  {
    args: ['publish', '--format', 'ndjson', '--close'],
    parts: ['--close cannot be used with --format ndjson, because each of its lines says that itself'],
  },
  { args: ['publish', 't', '--lease', '5s', '--token', 'x'], parts: ['--lease cannot be used with --token'] },
  { args: ['publish', 't', 'x', '--token', 'a,b'], parts: ['--token is 3 characters long, but must be the token of'] },
  { args: ['publish', '--format', 'lines'], parts: ['needs a topic'] },
  {
    args: ['publish', '-topic', 'x'],
    parts: ['no option -topic', 'a topic or data that begins with "-" is given after "--"'],
  },
  { args: ['listen', '-topic'], parts: ['no option -topic', 'a topic that begins with "-" is given after "--"'] },
  { args: ['topics', 'release', 'x'], parts: ['"tidings topics release" needs --token'] },
  { args: ['topics', 'lease', 'x', '25h'], parts: ['DURATION is "25h"', 'from 1s to 24h'] },
  { args: ['read', 't', '--limit', '0'], parts: ['--limit is "0"', 'a whole number from 1'] },
  { args: ['publish', 't', 'x', '--forget'], parts: ['--forget needs --latest-key', '--key is the key of the hub'] },
  { args: ['publish', 't', 'x', '--forget', '--key', 'EUR'], parts: ['The key of a value is --latest-key'] },
  { args: ['publish', 't', '--forget', '--latest-key', 'k', '--format', 'lines'], parts: ['--format cannot be used'] },
  { args: ['listen'], parts: ['needs a topic', '--match-urlpattern'] },
  { args: ['listen', 't', '--last', '10001'], parts: ['--last is "10001"', 'from 0 to 10000'] },
  { args: ['listen', 't', '--last', '1', '--since', 'earliest'], parts: ['--since cannot be used with --last'] },
  { args: ['listen', 't', '--since', 'a\u0007b'], parts: ['--since'] },
  ...[
    '2026-13-45',
    '2026-02-30',
    '2026-01-01T10:00',
    '2026/01/01',
    '28.11.2026',
    '10 minutes',
    '10min',
    '5 days ago',
    '10:30',
    '',
  ].map((since) => ({
    args: ['listen', 't', '--since', since],
    parts: [`--since is "${since}", but must be a time that exists`, '"earliest", a cursor'],
  })),
])('a wrong call is explained: $args', async ({ args, parts }) => {
  expectMistake(await run(args), 2, ...parts);
});

test('a key that cannot be sent is named by its option or variable, and not shown', async () => {
  const results = await Promise.all([
    run(['listen', 't', '--key', 'a b']),
    run(['listen', 't'], { env: { TIDINGS_KEY: 'a b' } }),
  ]);
  for (const [index, name] of ['--key', 'TIDINGS_KEY'].entries()) {
    expectMistake(
      results[index]!,
      2,
      `${name} is 3 characters long, but must be 16 or more printable ASCII characters without spaces: the key of the hub`,
    );
    expect(results[index]!.stderr).not.toContain('a b');
  }
});

test.each([[], ['--supervise']])(
  'a short key of a hub in the environment is named, and not shown: %o',
  async (...args) => {
    const result = await run(['serve', '--memory', '--port', '0', ...args], { env: { TIDINGS_KEY: 'short' } });
    expectMistake(result, 2, /^tidings: TIDINGS_KEY is 5 characters long, but must be 16 or more printable ASCII/);
    expect(result.stderr).not.toContain('short');
  },
);

test.each([
  [['publish', 't', 'x'], 'TIDINGS_HBU', 'TIDINGS_HUB'],
  [['read', 't'], 'TIDINGS_KYE', 'TIDINGS_KEY'],
  [['topics', 'list'], 'TIDINGS_KEYS', 'TIDINGS_KEY'],
  [['token', '--publish', 't', '--audience', 'https://hub.example'], 'TIDINGS_JWT_SECRETS', 'TIDINGS_JWT_SECRET'],
  [['token', '--publish', 't', '--secret', 'x'.repeat(32)], 'TIDINGS_HUBB', 'TIDINGS_HUB'],
])('%j with the misspelled variable %s is refused with the one that was meant', async (args, name, meant) => {
  expectMistake(await run(args, { env: { [name]: 'http://127.0.0.1:9' } }), 2, name, `did you mean ${meant}?`);
});

test('an empty key in the environment counts as none', async () => {
  expectMistake(await run(['serve', '--host', '0.0.0.0'], { env: { TIDINGS_KEY: '' } }), 2, 'without a key');
});

test('a port in use is named, and the option to choose another one', async () => {
  const { port } = await listenOnFreePort(createServer());
  const result = await run(['serve', '--memory', '--port', String(port)]);
  expectMistake(result, 1, `port ${port} is in use by another program`, '--port');
});

test('a host that is not of this machine is named', async () => {
  const result = await run(['serve', '--memory', '--port', '0', '--host', '192.0.2.1', '--key', KEY]);
  expectMistake(result, 1, '192.0.2.1', '--host');
});

test('a data folder that cannot be made is named', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  expectMistake(await run(['serve', '--port', '0', '--data', join(file, 'data')]), 1, file, '--data');
});

test.runIf(process.platform === 'linux').each(['/proc/nope', '/proc/nope/data'])(
  'a data folder in a place that takes no folders is named, with the reason: %s',
  async (data) => {
    const result = await run(['serve', '--port', '0', '--data', data]);
    expectMistake(result, 1, 'The folder /proc/nope cannot be created: /proc takes no new folders', '--data');
  },
);

test('a data folder that cannot be written is named', async (context) => {
  const folder = await temporaryFolder();
  if (process.getuid?.() === 0) {
    // Root may write everywhere but where nobody can.
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder]).status === 0;
    if (!mounted) context.skip('root, on a machine where nothing can be mounted');
    onTestFinished(() => void spawnSync('umount', [folder]));
  } else await chmod(folder, 0o500);
  expectMistake(await run(['serve', '--port', '0', '--data', folder]), 1, folder, '--data');
});

test('a data folder that another hub has is named', async () => {
  const data = await temporaryFolder();
  await HubProcess.start('--data', data);
  expectMistake(await run(['serve', '--port', '0', '--data', data]), 1, data, 'in use by another hub', '--data');
});

test.skipIf(process.platform === 'win32')('a folder as standard input is refused', () => {
  const main = join(import.meta.dirname, '../dist/main.js');
  const command = ['-c', 'exec "$0" "$1" publish t </', process.execPath, main];
  const { status, stdout, stderr } = spawnSync('sh', command, { encoding: 'utf8' });
  const [summary, mistake] = stderr.split('\n');
  expect(summary).toBe('Published 0 events to t');
  expectMistake({ code: status, stdout, stderr: `${mistake}\n` }, 1, 'standard input is a folder, but must be a file');
});

test('a hub that is not there is named, by listen at once, by publish of one event after a few seconds', async () => {
  const hub = `http://127.0.0.1:${await unusedPort()}/`;
  const results = await Promise.all([
    run(['listen', 't', '--hub', hub]),
    run(['publish', 't', 'x'], { env: { TIDINGS_HUB: hub } }),
  ]);
  for (const result of results) expectMistake(result, 1, hub, 'nothing listens there', 'tidings serve');
});

test('the answer of a server that is not a hub is shown', async () => {
  const { port } = await listenOnFreePort(
    createHttpServer((request, response) => {
      response.writeHead(request.method === 'POST' ? 502 : 404).end('<html>');
    }),
  );
  const hub = `http://127.0.0.1:${port}`;
  const answered = (status: string): string => `tidings: the hub answered ${status}, is it a Tidings hub?\n`;
  const [published, listened] = await Promise.all([
    run(['publish', 't', 'x', '--hub', hub]),
    run(['listen', 't', '--hub', hub]),
  ]);
  expectMistake(published, 1, answered('502 Bad Gateway'));
  expectMistake(listened, 1, answered('404 Not Found'));
});

test('who follows the listeners of a topic is told why that ends, as who listens is', async () => {
  const { port } = await listenOnFreePort(
    createHttpServer((request, response) => {
      if (request.headers.accept === 'application/json') return void response.end('{"listeners":[]}');
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end('{"detail":"The token has expired (exp)"}');
    }),
  );
  const hub = ['--hub', `http://127.0.0.1:${port}`];
  const why =
    'the hub answered 401 Unauthorized: The token has expired (exp) ("tidings token inspect" explains a token)';
  for (const args of [
    ['topics', 'listeners', 't', '--follow'],
    ['listen', 't'],
  ])
    expectMistake(await run([...args, ...hub]), 1, why);
});

test('a refusal of the hub is shown with its reason', async () => {
  const { url } = await HubProcess.start('--key', KEY);
  const unauthorized = ['the hub answered 401 Unauthorized: ', '--key or TIDINGS_KEY'];
  const keyless = await run(['publish', 't', 'x', '--hub', url]);
  expectMistake(keyless, 1, ...unauthorized, 'has no key, and needs it to publish (give the key, or a token, with');
  expectMistake(await run(['listen', 't', '--hub', url, '--key', KEY.replace(/./, 'x')]), 1, ...unauthorized);
  const refused = await run(['publish', 't', 'x', '--hub', url, '--key', KEY, '--type', 'tidings-x']);
  expectMistake(refused, 1, 'the hub answered 400 Bad Request: ', 'tidings-x');
  expectMistake(await run(['listen', 't', '--match-urlpattern', '(', '--hub', url, '--key', KEY]), 1, 'pattern');
});

test('a topic that may not be shown, and a list that may not be seen, are refused with the reason', async () => {
  const { url } = await HubProcess.start('--key', KEY);
  const refused = async (...args: string[]): Promise<Result> => await run(['topics', ...args, '--hub', url]);
  expectMistake(
    await refused('show', 'a'),
    1,
    'has no key, and needs it to listen to "a" (give the key, or a token, with --key',
  );
  expectMistake(
    await refused('list'),
    1,
    'has no key, and needs it to list the topics (give the key, or a token, with --key',
  );
});

test('with --verbose an error brings its stack', async () => {
  const { code, stderr } = await run(['listen', 't', '--verbose', '--hub', `http://127.0.0.1:${await unusedPort()}`]);
  expect(stderr).toMatch(/^tidings: .*\n +at /);
  expect(code).toBe(1);
});

test.each(['package.json', 'dist/serve/serve.js'])(
  'a program without its file %s says that it is incomplete',
  async (file) => {
    const folder = await temporaryFolder();
    await symlink(join(import.meta.dirname, '../../../node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, 'cli'));
    // Of what it depends on, some may lie in its own folder.
    await symlink(join(import.meta.dirname, '../node_modules'), join(folder, 'cli/node_modules'));
    for (const part of ['dist', 'package.json']) {
      await cp(join(import.meta.dirname, '..', part), join(folder, 'cli', part), { recursive: true });
    }
    await rm(join(folder, 'cli', file));
    const args = [join(folder, 'cli/dist/main.js'), 'serve', '--memory', '--port', '0'];
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expectMistake({ code: status, stdout, stderr }, 1, 'the program is incomplete', join(folder, 'cli', file));
  },
);
