import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as nats from '@tidings/nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from '../../../test/program.ts';
import { NatsServer } from './nats-server.ts';
import { isMissing } from '../../../test/missing.ts';

const WITHOUT = isMissing('nats-server');

const PAGE = 'packages/nats/README.md';
const FOLDER = join(import.meta.dirname, '..');
const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');

let server: NatsServer | undefined;
beforeAll(async () => {
  if (!WITHOUT) server = await NatsServer.start();
});
afterAll(() => server?.end());

test('the package exports exactly these names', () => {
  expect(Object.keys(nats).toSorted()).toEqual(['NatsError', 'NatsLog']);
});

describe('the README', () => {
  test('names every code of an error, and no other', () => {
    const source = readFileSync(join(FOLDER, 'src/errors.ts'), 'utf8');
    const codes = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code!);
    expect(codes(README, /^\| `(ERR_\w+)`/gm)).toEqual(codes(source, /'(ERR_\w+)'/g));
  });

  test.skipIf(WITHOUT)('has a hub whose listeners get what was published to another', async () => {
    const ports = [await freePort(), await freePort()];
    const [topic, other] = ports.map((port) => `http://127.0.0.1:${port}/topics/greetings`);
    const [first, second] = ports.map((port) =>
      RunningProgram.node(
        program(PAGE, 'js', 'new Hub').replace('4000', String(port)).replace('4222', String(server?.port)),
      ),
    );
    const id = await (await whenUp(first!, topic!, { method: 'POST', body: 'hello' })).text();
    const response = await whenUp(second!, `${other}?last_event_id=earliest`);
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('data: hello\n')) break;
    }
    expect(text).toContain(`id: ${id.trim()}\n`);
  });
});

describe('options that are not allowed are refused with a sentence', () => {
  const servers = 'nats://127.0.0.1:4222';
  test.each<[unknown, string]>([
    [undefined, 'The options are undefined, but must be an object with the servers'],
    [{}, 'The option servers is undefined, but must be a URL such as nats://127.0.0.1:4222, or several'],
    [
      { servers: 'http://me:secret@x' },
      'The option servers has a text that is no URL of a server; one such as nats://127.0.0.1:4222 or tls://host is allowed',
    ],
    [
      { servers: [servers, 'nats://me:secret@x/news'] },
      'The option servers has a URL with something behind the server; one such as nats://127.0.0.1:4222 is allowed, and the option name is that of the log',
    ],
    [{ servers: 'nats://me:secret@x?replicas=3' }, expect.stringMatching(/behind the server; (?!.*secret)/) as string],
    [{ servers: 'nats://127.0.0.1:0' }, 'The option servers has the port 0; 1 to 65535 are allowed'],
    [
      { servers: [servers, 'nats://me:hidden@x'] },
      'The option servers has a user or a token before another server than the first that is not the same there: what stands before the first one counts for all of them',
    ],
    [{ servers: ['nats://me:hidden@x', 'nats://me:other@y'] }, expect.stringContaining('not the same there') as string],
    [{ servers: 'nats://x:1,me:hidden@y:2' }, expect.stringMatching(/a comma before an @(?!.*hidden)/) as string],
    [{ servers: 'nats://me:hidden%ZZ@x' }, expect.stringMatching(/a % itself is written %25(?!.*hidden)/) as string],
    [{ servers, nane: 'x' }, expect.stringContaining('did you mean name?') as string],
    [{ servers, name: 'a.b' }, 'The option name is "a.b", but must be 1 to 64 of A to Z, a to z, 0 to 9, _ and -'],
    [{ servers, replicas: 2 }, 'The option replicas is 2, but must be 1, 3 or 5'],
    [{ servers, waitMs: -1 }, 'The option waitMs is -1, but must be an integer from 0 to 600000'],
    [{ servers, compactBytes: 1 }, expect.stringContaining('must be an integer from 65536') as string],
    [{ servers, retention: { maxBytes: -1 } }, expect.stringContaining('maxBytes') as string],
    [{ servers, onError: true }, 'The option onError is true, but must be a function'],
  ])('%j', async (options, message) => {
    await expect(nats.NatsLog.open(options as nats.NatsLogOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message,
    });
  });

  test.each([
    ['nats:/x', 'The URL of the log has another form than nats://host:4222,host:4222/name?replicas=3'],
    [
      'nats://x/y?replica=3',
      'The URL of the log has the parameter "replica"; allowed are replicas, waitMs, compactBytes; did you mean replicas?',
    ],
    ['nats://x:0/y', 'The option servers has the port 0; 1 to 65535 are allowed'],
    ['nats://x:1,me:hidden@y:2/z', expect.stringContaining('stand before the first host alone') as string],
    ['nats://me:hidden@x:1,me:hidden@y:2/z', expect.stringContaining('stand before the first host alone') as string],
    ['nats://me:hid@den@x/z', expect.stringContaining('@ is written %40') as string],
    ['nats://x/y?replicas=1&replicas=3', 'The URL of the log has the parameter replicas twice; once is allowed'],
    ['nats://x/y?replicas=many', 'The parameter replicas is "many", but must be a whole number of at most 15 digits'],
  ])('%s', async (url, message) => {
    await expect(nats.NatsLog.openUrl(url)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', message });
  });
});

test.skipIf(WITHOUT)('a log is opened by a URL with several servers, a user and a name', async () => {
  const config = 'authorization { users: [{ user: "me", password: "p@ss/w" }] }';
  const guarded = await NatsServer.start(config);
  try {
    const hosts = `127.0.0.1:${guarded.port},127.0.0.1:${await freePort()}`;
    const log = await nats.NatsLog.openUrl(`nats://me:p%40ss%2Fw@${hosts}/by-url?waitMs=5000`);
    expect((await log.append([{ topics: ['a'], fields: { data: '1' } }])).seq).toBe(1);
    await log.close();
  } finally {
    await guarded.end();
  }
});
