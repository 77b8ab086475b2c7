import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { subscribe } from '@tidings/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NatsServer } from '../../../scripts/cluster/nats-server.ts';
import { PostgresServer } from '../../../scripts/cluster/postgres-server.ts';
import { folder } from '../../../test/folder.ts';
import { isMissing } from '../../../test/missing.ts';
import { certify } from '../../../test/proxy/proxy-process.ts';
import { CommandProcess, type Result } from './command.ts';
import { HubProcess } from './hub-process.ts';

const CLI = join(import.meta.dirname, '..');
const ROOT = join(CLI, '../..');

/** A store that speaks TLS, with a certificate that nobody knows who is not told of it. */
interface SecureStore {
  /** A URL for `--log`, and the environment of who uses it. */
  place(name: string, isTrusted: boolean): { readonly url: string; readonly env: Readonly<Record<string, string>> };
  end(): Promise<void>;
}

async function postgres(certificate: string): Promise<SecureStore> {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(certificate, name), 'utf8'));
  const server = await PostgresServer.start({ certificate: { cert: cert!, key: key! } });
  return {
    place: (name, isTrusted) => {
      const trusted = isTrusted ? `&sslrootcert=${join(certificate, 'cert.pem')}` : '';
      return { url: `${server.url}?schema=${name}&sslmode=verify-full${trusted}`, env: {} };
    },
    end: () => server.close(),
  };
}

async function nats(certificate: string): Promise<SecureStore> {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => JSON.stringify(join(certificate, name)));
  const server = await NatsServer.start(`tls { cert_file: ${cert}, key_file: ${key} }`);
  return {
    place: (name, isTrusted) => {
      const env: Record<string, string> = isTrusted ? { NODE_EXTRA_CA_CERTS: join(certificate, 'cert.pem') } : {};
      return { url: `tls://127.0.0.1:${server.port}/${name}`, env };
    },
    end: () => server.end(),
  };
}

const STORES = [
  { store: 'PostgreSQL', program: 'postgresql', start: postgres },
  { store: 'NATS', program: 'nats-server', start: nats },
];

describe.each(STORES)('tidings serve --log, over TLS to $store', ({ program, start }) => {
  const lacks = isMissing(program) || isMissing('openssl');
  let secure: SecureStore;
  let certificate: string;

  beforeAll(async () => {
    if (lacks) return;
    certificate = makeFolder();
    certify(certificate);
    secure = await start(certificate);
  });
  afterAll(async () => {
    if (lacks) return;
    await secure.end();
    rmSync(certificate, { recursive: true });
  });

  test.skipIf(lacks)('shares events, and takes no certificate that it does not know', async () => {
    const { url, env } = secure.place('shared', true);
    const [one, other] = await Promise.all([
      HubProcess.start('--log', url, { env }),
      HubProcess.start('--log', url, { env }),
    ]);
    expect((await fetch(new URL('topics/a', one.url), { method: 'POST', body: 'hello' })).status).toBe(200);
    const read = await fetch(new URL('topics/a?last_event_id=earliest', other.url), {
      headers: { accept: 'application/json' },
    });
    expect(await read.text()).toContain('hello');
    const unknown = await new CommandProcess([
      'serve',
      '--port',
      '0',
      '--log',
      secure.place('shared', false).url,
    ]).result();
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^tidings: cannot start the hub with its events in .*certificate.*\n$/);
  });

  test.skipIf(lacks || process.platform !== 'linux')(
    'goes on with --supervise when a hub is asked to restart, and when it is killed',
    async () => {
      const { url, env } = secure.place('supervised', true);
      const hub = await HubProcess.start('--log', url, '--supervise', { env });
      const data: string[] = [];
      const events = subscribe(new URL('topics/t', hub.url), { lastEventId: 'earliest', retry: { initialMs: 1 } });
      const listening = (async () => {
        for await (const event of events) {
          data.push(event.data);
          if (event.data === 'last') return;
        }
      })();
      const publish = async (body: string): Promise<number> => {
        const headers = { 'idempotency-key': body };
        for (;;) {
          const status = await fetch(new URL('topics/t', hub.url), { method: 'POST', body, headers }).then(
            (response) => response.status,
            () => 0,
          );
          if (status === 200) return status;
        }
      };
      const next = async (count: number): Promise<void> => {
        await hub.process.until(({ stderr }) => stderr.split('The next hub is running').length > count);
      };
      await publish('before');
      hub.process.kill('SIGHUP');
      await publish('meanwhile');
      await next(1);
      await publish('between');
      const { pid } = hub.process;
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      process.kill(Number(child), 'SIGKILL');
      await publish('killed');
      await next(2);
      await publish('last');
      await listening;
      expect(data).toEqual(['before', 'meanwhile', 'between', 'killed', 'last']);
      hub.process.kill('SIGTERM');
      expect((await hub.process.result()).code).toBe(0);
    },
  );
});

test.each([
  ['postgres://hub:hidden-word@127.0.0.1:1/events', '@tidings/postgres', 'PostgreSQL at 127.0.0.1:1/events'],
  ['nats://hub:hidden-word@127.0.0.1:1/events', '@tidings/nats', 'NATS at 127.0.0.1:1/events'],
])('where the package of a log is not installed, serve --log %s says which one to install', (url, name, place) => {
  const main = withoutLogs();
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'serve', '--port', '0', '--log', url], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: `tidings: cannot start the hub: events in ${place} need the package ${name}, which cannot be loaded: install it beside tidings, with npm install ${name}\n`,
  });
});

describe('serve --check', () => {
  const run = (...args: string[]): Promise<Result> => new CommandProcess(['serve', '--port', '0', ...args]).result();

  test.each([
    ['nats://hub:hidden-word@127.0.0.1:1/a.b', /NATS at .*: The option name is "a\.b", but must be/],
    ['nats://', /--log is 7 characters long, but must be a URL that begins with .*, and has a host behind that/],
    ['nats://127.0.0.1:1/a?replicas=2', /The option replicas is 2, but must be 1, 3 or 5/],
    ['nats://127.0.0.1:99999/a', /The option servers has a text that is no URL of a server/],
    ['nats://hub:hidden%ZZword@127.0.0.1:1/a', /has a % that two hexadecimal digits .*: a % itself is written %25/],
    ['postgres://127.0.0.1:1/x?schema=AB', /The option schema is "AB"/],
    ['postgres://127.0.0.1:1/x?schema=a&schema=b', /has the parameter schema twice; once is allowed/],
    ['postgres://127.0.0.1:1/x?shema=other', /has the parameter "shema"; allowed are .*; did you mean schema\?/],
    ['postgres://hub:hidden-word@127.0.0.1:99999/x', /has the port 99999; 1 to 65535 are allowed/],
    ['postgres://hub:hidden#word@127.0.0.1:1/x', /has a #: in a user name or a password it is written %23/],
  ])('refuses %s as serve does, without a connection and without the password', async (url, message) => {
    const [checked, served] = await Promise.all([run('--log', url, '--check'), run('--log', url)]);
    expect(checked).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) as string });
    expect(checked.stderr).not.toContain('hidden');
    expect(served).toEqual(checked);
  });

  test('checks the URL of a file, too', async () => {
    const place = folder({
      'bad.yaml': 'log: postgres://127.0.0.1:99999/x\n',
      'good.yaml': 'log: postgres://127.0.0.1:1/x\n',
    });
    const [bad, good] = await Promise.all(
      ['bad.yaml', 'good.yaml'].map((name) => run('--config', join(place, name), '--check')),
    );
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('has the port 99999') as string });
    expect(good).toMatchObject({ code: 0, stdout: 'The configuration can be used\n' });
  });
});

/** The command as it is where only its own dependencies are installed. Gives its main file. */
function withoutLogs(): string {
  const modules = join(folder({}), 'node_modules');
  const own = join(modules, 'tidings');
  mkdirSync(own, { recursive: true });
  for (const part of ['dist', 'package.json']) cpSync(join(CLI, part), join(own, part), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(CLI, 'package.json'), 'utf8')) as { dependencies: object };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    const [beside, above] = [join(CLI, 'node_modules', name), join(ROOT, 'node_modules', name)];
    symlinkSync(existsSync(beside) ? beside : above, join(modules, name));
  }
  return join(own, 'dist', 'main.js');
}

/** For the tests of a group. */
function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'tidings-certificate-'));
}
