import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
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

/** A port of the loopback address on which something that is no hub listens. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test.each([
  { args: ['serv'], parts: ["unknown command 'serv'", 'did you mean serve?'] },
  { args: ['serve', '--prot', '1'], parts: ["unknown option '--prot'", 'did you mean --port?'] },
  { args: ['listen', 't', '--from', '1'], parts: ["unknown option '--from'", '--help lists every option'] },
  { args: ['forget'], parts: ["unknown command 'forget'", '--help lists every command'] },
  { args: ['serve', '--port', '99999'], parts: ['--port', '99999', 'from 0 to 65535'] },
  { args: ['serve', '--port', 'x'], parts: ['--port', 'from 0 to 65535'] },
  { args: ['serve', '--retain-age', '7x'], parts: ['--retain-age', '7x', 'such as 12h'] },
  { args: ['serve', '--retain-bytes', '1G'], parts: ['--retain-bytes', '1G', 'such as 500MB'] },
  { args: ['serve', '--retain-events', '0'], parts: ['--retain-events', 'from 1'] },
  { args: ['serve', '--memory', '--data', 'x'], parts: ['--memory', 'cannot be used with', '--data'] },
  { args: ['serve', '--anonymous', 'some'], parts: ['--anonymous', 'none, listen, publish, all'] },
  { args: ['serve', '--anonymous', 'listen'], parts: ['leaves nobody who may publish', '--key'] },
  { args: ['serve', '--cors-origin', 'example.com'], parts: ['--cors-origin', 'such as https://example.com'] },
  { args: ['serve', '--memory', '--port', '0', '--key', 'short'], parts: ['16 or more'] },
  { args: ['serve', '--host', '0.0.0.0'], parts: ['0.0.0.0', '--key', 'TIDINGS_KEY', '--anonymous'] },
  { args: ['serve', 'more'], parts: ['too many arguments'] },
  { args: ['publish'], parts: ["missing required argument 'topic'"] },
  { args: ['publish', '', 'x'], parts: ['a topic may not be empty'] },
  { args: ['publish', 't', 'x', '--hub', 'ftp://x'], parts: ['http://', 'ftp://x'] },
  { args: ['publish', 't', 'x', '--format', 'lines'], parts: ['--format is for standard input'] },
  { args: ['publish', 't', '--id', '1'], parts: ['--id is for one event'] },
  { args: ['publish', 't', '--type', 'x', '--format', 'event-stream'], parts: ['--type is for lines'] },
  { args: ['publish', 't', 'x', '--key', 'a b'], parts: ['printable ASCII'] },
  { args: ['listen'], parts: ['nothing to listen to'] },
  { args: ['listen', 't', '--last', '10001'], parts: ['from 0 to 10000'] },
  { args: ['listen', 't', '--last', '1', '--since', 'earliest'], parts: ['--since', 'cannot be used with', '--last'] },
  { args: ['listen', 't', '--since', 'a\u0007b'], parts: ['lastEventId'] },
])('a wrong call is explained: $args', async ({ args, parts }) => {
  expectMistake(await run(args), 2, ...parts);
});

test('a key in the environment that cannot be one is named by its variable', async () => {
  expectMistake(await run(['listen', 't'], { env: { TIDINGS_KEY: 'a b' } }), 2, 'TIDINGS_KEY');
});

test('an empty key in the environment counts as none', async () => {
  expectMistake(await run(['serve', '--host', '0.0.0.0'], { env: { TIDINGS_KEY: '' } }), 2, 'Without a key');
});

test('a port in use is named, and the option to choose another one', async () => {
  const port = await takenPort();
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

test('a hub that is not there is named, by listen at once, by publish of one event after a few seconds', async () => {
  const hub = `http://127.0.0.1:${await freePort()}/`;
  const results = await Promise.all([
    run(['listen', 't', '--hub', hub]),
    run(['publish', 't', 'x'], { env: { TIDINGS_HUB: hub } }),
  ]);
  for (const result of results) expectMistake(result, 1, hub, 'nothing listens there', 'tidings serve');
});

test('an answer that is none of a hub is shown', async () => {
  const server = createHttpServer((request, response) => {
    response.writeHead(request.method === 'POST' ? 502 : 404).end('<html>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answered = (status: string): string => `tidings: the hub answered ${status}, is it a Tidings hub?\n`;
  const [published, listened] = await Promise.all([
    run(['publish', 't', 'x', '--hub', hub]),
    run(['listen', 't', '--hub', hub]),
  ]);
  expectMistake(published, 1, answered('502 Bad Gateway'));
  expectMistake(listened, 1, answered('404 Not Found'));
});

test('what a hub refuses is explained in its words', async () => {
  const { url } = await HubProcess.start('--key', KEY);
  expectMistake(await run(['publish', 't', 'x', '--hub', url]), 1, 'key');
  expectMistake(await run(['listen', 't', '--hub', url, '--key', 'wrong']), 1, 'key');
  const refused = await run(['publish', 't', 'x', '--hub', url, '--key', KEY, '--type', 'tidings-x']);
  expectMistake(refused, 1, 'tidings-x');
  expectMistake(await run(['listen', 't', '--match-urlpattern', '(', '--hub', url, '--key', KEY]), 1, 'pattern');
});

test('with --verbose an error brings its stack', async () => {
  const { code, stderr } = await run(['listen', 't', '--verbose', '--hub', `http://127.0.0.1:${await freePort()}`]);
  expect(stderr).toMatch(/^tidings: .*\n +at /);
  expect(code).toBe(1);
});
