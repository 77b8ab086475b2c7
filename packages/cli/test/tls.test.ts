import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rename, stat, symlink, writeFile } from 'node:fs/promises';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../server/test/certificate.ts';
import { CommandProcess, run } from './command.ts';
import { HubProcess, temporaryFolder } from './hub-process.ts';

/** A certificate in files of a folder of its own. */
async function files(): Promise<{
  cert: string;
  key: string;
  write: (made: { cert?: string; key?: string }) => Promise<void>;
}> {
  const folder = await temporaryFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = async (made: { cert?: string; key?: string }): Promise<void> => {
    if (made.cert !== undefined) await writeFile(cert, made.cert);
    if (made.key !== undefined) await writeFile(key, made.key);
  };
  await write(makeCertificate());
  return { cert, key, write };
}

const serial = (pem: string): string => new X509Certificate(pem).serialNumber;

/** The serial number of the certificate that a client is shown. */
async function shown(url: string): Promise<string> {
  const { port } = new URL(url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function session(url: string): Promise<ClientHttp2Session> {
  const made = connectHttp2(url, { rejectUnauthorized: false });
  onTestFinished(() => made.destroy());
  made.on('error', () => {});
  await once(made, 'remoteSettings');
  return made;
}

/** A listener on a connection of HTTP/2. */
async function listen(made: ClientHttp2Session, path: string): Promise<{ until: (text: string) => Promise<void> }> {
  const stream = made.request({ ':path': path });
  stream.on('error', () => {});
  await once(stream, 'response');
  let heard = '';
  stream.on('data', (chunk) => (heard += String(chunk)));
  return {
    async until(text) {
      while (!heard.includes(text)) await once(stream, 'data');
    },
  };
}

async function publish(url: string, data: string): Promise<string> {
  const args = [
    '-sS',
    '-k',
    '--http2',
    '-d',
    data,
    new URL('topics/t', url).href,
    '-w',
    ' %{http_code} %{http_version}',
  ];
  return /\S+ \S+$/.exec((await promisify(execFile)('curl', args)).stdout)![0];
}

describe('--tls-cert and --tls-key', () => {
  test('serve both protocols, and the URL has https', async () => {
    const { cert, key } = await files();
    const hub = await HubProcess.start('--tls-cert', cert, '--tls-key', key);
    expect(hub.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
    expect(hub.process.stdout).toContain(`curl -d 'Hello' ${hub.url}topics/greetings`);
    expect(hub.process.stdout).toContain(` --hub ${hub.url.slice(0, -1)}\n`);
    expect(await publish(hub.url, 'x')).toBe('200 2');
    const listening = async (url: string): Promise<string> => (await run(['listen', 't', '--hub', url])).stderr;
    expect(await listening(hub.url.replace('https', 'http'))).toBe(
      'tidings: the hub answered 400 Bad Request: This port speaks TLS: the URL has to begin with https://\n',
    );
    expect(await listening(hub.url)).toMatch(
      /its certificate is not trusted: .*: name the file .* NODE_EXTRA_CA_CERTS\n$/,
    );
    // A publisher does not try for ever either.
    const untrusted = {
      code: 1,
      stderr: expect.stringMatching(
        /tidings: cannot (?:publish to|lease a topic of) the hub at \S+ \(its certificate is not trusted: .*: name the file .* NODE_EXTRA_CA_CERTS\n/,
      ),
    };
    expect(await run(['publish', 't', 'x', '--hub', hub.url])).toMatchObject(untrusted);
    expect(await run(['publish', 't', '--hub', hub.url], { input: 'x\n' })).toMatchObject(untrusted);
    expect(await run(['publish', 't', '--lease', '10s', '--hub', hub.url], { input: 'x\n' })).toMatchObject(untrusted);
    hub.process.kill('SIGTERM');
    expect((await hub.process.result()).code).toBe(0);
  });

  test('are read again when they change, and no stream is lost', async () => {
    const { cert, key, write } = await files();
    const hub = await HubProcess.start('--tls-cert', cert, '--tls-key', key);
    const client = await session(hub.url);
    const listener = await listen(client, '/topics/t');
    const next = makeCertificate();
    await write(next);
    await hub.process.until(({ stderr }) => stderr.includes('The certificate was read again: it is valid until 20'));
    expect(await shown(hub.url)).toBe(serial(next.cert));
    await publish(hub.url, 'after');
    await listener.until('data: after\n\n');
    expect(client.closed).toBe(false);
  });

  test('are kept as they were if the new ones cannot be used, which is reported once, and taken when they can', async () => {
    const { cert, key, write } = await files();
    const hub = await HubProcess.start('--tls-cert', cert, '--tls-key', key);
    const first = await shown(hub.url);
    const next = makeCertificate();
    const told = (count: number) => (output: { stderr: string }) =>
      output.stderr.split('The new certificate cannot be used').length > count;
    await write({ cert: next.cert });
    await hub.process.until(told(1));
    expect(hub.process.stderr).toContain(`is not the key of the certificate in`);
    expect(await shown(hub.url)).toBe(first);
    await write({ cert: 'nonsense' });
    await hub.process.until(told(2));
    expect(await shown(hub.url)).toBe(first);
    await write(next);
    await hub.process.until(({ stderr }) => stderr.includes('The certificate was read again'));
    expect(await shown(hub.url)).toBe(serial(next.cert));
    const lines = hub.process.stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.map((line) => (JSON.parse(line) as { level: number }).level)).toEqual([50, 50]);
    for (const secret of next.key.split('\n').slice(1, 3)) expect(hub.process.stderr).not.toContain(secret);
  });

  test('may be links, as those of programs that renew certificates', async () => {
    const [one, two] = [await files(), await files()];
    const folder = await temporaryFolder();
    const link = async (name: string, target: string): Promise<string> => {
      await symlink(target, join(folder, 'next'));
      await rename(join(folder, 'next'), join(folder, name));
      return join(folder, name);
    };
    const [cert, key] = [await link('cert', one.cert), await link('key', one.key)];
    const hub = await HubProcess.start('--tls-cert', cert, '--tls-key', key);
    const first = await shown(hub.url);
    await link('cert', two.cert);
    await link('key', two.key);
    await hub.process.until(({ stderr }) => stderr.includes('The certificate was read again'));
    expect(await shown(hub.url)).not.toBe(first);
  });

  test.each([
    [(cert: string) => ['--tls-cert', cert], '--tls-cert needs the key of the certificate: --tls-key'],
    [(_cert: string, key: string) => ['--tls-key', key], '--tls-key needs the certificate of the key: --tls-cert'],
    [(cert: string) => ['--tls-dev', '--tls-cert', cert], '--tls-dev cannot be used with --tls-cert'],
    [
      (cert: string) => ['--tls-cert', cert, '--tls-key', '/none/key.pem'],
      '--tls-key is "/none/key.pem", which cannot be read',
    ],
    [(cert: string) => ['--tls-cert', cert, '--tls-key', cert], 'is not a private key in PEM, without a passphrase'],
    [(_cert: string, key: string) => ['--tls-cert', key, '--tls-key', key], 'is not a certificate in PEM'],
  ])('that are wrong end it, and it says why: %#', async (argsOf, message) => {
    const { cert, key } = await files();
    const { code, stderr } = await run(['serve', '--memory', '--port', '0', ...argsOf(cert, key)]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string });
    expect(stderr).not.toContain('BEGIN');
    const checked = await run(['serve', '--check', '--memory', ...argsOf(cert, key)]);
    expect(checked).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
  });

  test('may be in the environment, and are checked', async () => {
    const { cert, key } = await files();
    const env = { TIDINGS_TLS_CERT: cert, TIDINGS_TLS_KEY: key };
    expect(await run(['serve', '--check'], { env })).toMatchObject({
      code: 0,
      stdout: 'The configuration can be used\n',
    });
  });
});

describe('--tls-dev', () => {
  test('makes a certificate for this machine, keeps it for its owner alone, and says how to trust it', async () => {
    const folder = await temporaryFolder();
    const args = ['serve', '--tls-dev', '--port', '0', '--data', folder];
    const start = async (): Promise<{ hub: CommandProcess; url: string }> => {
      const hub = new CommandProcess(args);
      await hub.until(({ stdout }) => stdout.includes('npx tidings listen'));
      return { hub, url: /https:\S+/.exec(hub.stdout)![0] };
    };
    const first = await start();
    const file = join(folder, 'tls-dev-cert.pem');
    for (const name of ['tls-dev-cert.pem', 'tls-dev-key.pem']) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
    const lines = first.hub.stdout.split('\n');
    expect(lines).toContain(`  TLS      a development certificate for localhost: ${file}`);
    // As it says.
    const { stdout: command } = { stdout: lines.find((line) => line.includes('Publish'))!.replace('  Publish  ', '') };
    for (const host of ['127.0.0.1', 'localhost']) {
      const { stdout } = await promisify(execFile)('sh', [
        '-c',
        command.replace('127.0.0.1', host).replace('curl', 'curl -sS'),
      ]);
      expect(stdout).toMatch(/\.\d+$/);
    }
    const env = { NODE_EXTRA_CA_CERTS: file };
    const listener = new CommandProcess(['listen', 'greetings', '--last', '1', '--hub', first.url], env);
    await listener.until(({ stdout }) => stdout.includes('Hello'));
    // Who listens is sent away over some seconds.
    listener.kill('SIGINT');
    await listener.result();
    const before = await shown(first.url);
    first.hub.kill('SIGTERM');
    expect((await first.hub.result()).code).toBe(0);
    const second = await start();
    expect(await shown(second.url)).toBe(before);
    second.hub.kill('SIGTERM');
    await second.hub.result();
    // One that cannot be used is made anew.
    await writeFile(file, 'nonsense');
    expect(await shown((await start()).url)).not.toBe(before);
  });

  test('writes nothing with --memory', async () => {
    const hub = await HubProcess.start('--memory', '--tls-dev');
    await hub.process.until(({ stdout }) => stdout.includes('npx tidings listen'));
    expect(hub.process.stdout).toContain('a development certificate for localhost: made for this run');
    expect(hub.process.stdout).toContain("curl -k -d 'Hello' https://");
    expect(await publish(hub.url, 'x')).toBe('200 2');
  });
});

describe.skipIf(process.platform !== 'linux')('--supervise over TLS', () => {
  test('SIGHUP starts the next hub with the certificate of that time, and nothing is lost', async () => {
    const { cert, key, write } = await files();
    const hub = await HubProcess.start('--supervise', '--tls-cert', cert, '--tls-key', key);
    await hub.process.until(({ stderr }) => stderr.includes('restarts the hub'));
    const client = await session(hub.url);
    const listener = await listen(client, '/topics/t');
    const next = makeCertificate();
    const gone = new Promise((resolve) => void client.once('goaway', resolve));
    await write(next);
    hub.process.kill('SIGHUP');
    // Who connects meanwhile waits.
    const statuses = new Set<string>();
    while (!hub.process.stderr.includes('The next hub is running')) statuses.add(await publish(hub.url, 'between'));
    expect([...statuses].filter((status) => !['200 2', '503 2'].includes(status))).toEqual([]);
    await listener.until('retry: ');
    await gone;
    expect(await shown(hub.url)).toBe(serial(next.cert));
    expect(await publish(hub.url, 'after')).toBe('200 2');
    const again = await listen(await session(hub.url), '/topics/t?last=1');
    await again.until('data: after');
    hub.process.kill('SIGTERM');
    expect((await hub.process.result()).code).toBe(0);
  });
});
