import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { runtimes } from '../../../test/runtimes.ts';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';

/** A host that only the proxy can reach. */
const HOST = 'stream.invalid';
const UNDICI = JSON.stringify(import.meta.resolve('undici'));

/** Listens once, and prints the events or the error. The program before it may set `fetch`. */
const LISTEN = `
import { subscribe } from '@tidings/client';
const [url] = args;
try {
  const options = { retry: { maxAttempts: 1 }, fetch: globalThis.ownFetch };
  for await (const { data } of subscribe(url, options)) console.log(data);
} catch ({ code, cause }) {
  console.log(code, cause?.code);
}`;

const OWN_CA = `
import { readFileSync } from 'node:fs';
const ca = readFileSync(args[1], 'utf8');`;

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

describe.skipIf(isMissing('openssl'))('the recipes of docs/proxies-and-private-cas.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-ca-'));
  const ca = join(folder, 'ca.pem');
  let installed: InstalledClient;
  let secure: https.Server;
  let plain: http.Server;
  let proxy: http.Server;
  /** What the proxy was asked for. */
  let asked: string[] = [];

  beforeAll(async () => {
    const openssl = (...args: string[]): void => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...args], { cwd: folder, stdio: 'pipe' });
    };
    openssl('-subj', '/CN=A private CA', '-keyout', 'ca.key', '-out', 'ca.pem');
    const names = `subjectAltName=DNS:localhost,DNS:${HOST}`;
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
    openssl('-subj', '/CN=A server', '-addext', names, ...signed, '-keyout', 'key.pem', '-out', 'cert.pem');

    const answer: http.RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: here\n\n');
    };
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name)));
    secure = https.createServer({ key, cert }, answer);
    plain = http.createServer(answer);
    proxy = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    proxy.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      asked.push(`CONNECT ${request.url}`);
      const port = portOf(request.url?.endsWith(':443') ? secure : plain);
      const target = net.connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      socket.pipe(target).pipe(socket);
      socket.on('error', () => target.destroy());
      target.on('error', () => socket.destroy());
    });
    for (const server of [secure, plain, proxy]) {
      server.listen(0, 'localhost');
      await once(server, 'listening');
    }
    installed = new InstalledClient();
  });

  beforeEach(() => {
    asked = [];
  });

  afterAll(() => {
    for (const server of [secure, plain, proxy]) {
      server.close();
      server.closeAllConnections();
    }
    installed[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  async function linesOf(
    url: string,
    before: string,
    variables: Record<string, string> = {},
  ): Promise<readonly string[]> {
    // Those of this machine do not count.
    const none = { HTTP_PROXY: '', HTTPS_PROXY: '', http_proxy: '', https_proxy: '', NO_PROXY: '', no_proxy: '' };
    const env = { ...none, ...variables };
    return (await runProgram(runtimes[0]!, installed, before + LISTEN, { args: [url, ca], env })).lines;
  }

  const direct = (): string => `https://localhost:${portOf(secure)}/`;
  const proxyUrl = (): string => `http://localhost:${portOf(proxy)}`;
  const through = (): Record<string, string> => ({
    http_proxy: proxyUrl(),
    https_proxy: proxyUrl(),
  });

  test('a server of a private CA is refused without one of them', async () => {
    expect(await linesOf(direct(), '')).toEqual(['ERR_NETWORK UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
  });

  test('NODE_EXTRA_CA_CERTS names the CA', async () => {
    expect(await linesOf(direct(), '', { NODE_EXTRA_CA_CERTS: ca })).toEqual(['here']);
  });

  test('a global agent names the CA', async () => {
    const agent = `
      import https from 'node:https';
      https.globalAgent = new https.Agent({ ca, keepAlive: true });`;
    expect(await linesOf(direct(), OWN_CA + agent)).toEqual(['here']);
  });

  test("a dispatcher of undici's fetch names the CA", async () => {
    const own = `
      import { Agent, fetch } from ${UNDICI};
      const dispatcher = new Agent({ connect: { ca }, bodyTimeout: 0 });
      globalThis.ownFetch = (url, init) => fetch(url, { ...init, dispatcher });`;
    expect(await linesOf(direct(), OWN_CA + own)).toEqual(['here']);
  });

  test('NODE_USE_ENV_PROXY leads through a proxy, with CONNECT where the URL is https', async () => {
    const env = { NODE_USE_ENV_PROXY: '1', NODE_EXTRA_CA_CERTS: ca, ...through() };
    expect(await linesOf(`https://${HOST}/stream`, '', env)).toEqual(['here']);
    expect(await linesOf(`http://${HOST}/stream`, '', env)).toEqual(['here']);
    expect(asked).toEqual([`CONNECT ${HOST}:443`, `GET http://${HOST}/stream`]);
  });

  test("EnvHttpProxyAgent of undici's fetch leads through a proxy", async () => {
    const own = `
      import { EnvHttpProxyAgent, fetch } from ${UNDICI};
      const dispatcher = new EnvHttpProxyAgent({ requestTls: { ca }, bodyTimeout: 0 });
      globalThis.ownFetch = (url, init) => fetch(url, { ...init, dispatcher });`;
    expect(await linesOf(`https://${HOST}/stream`, OWN_CA + own, through())).toEqual(['here']);
    expect(asked).toEqual([`CONNECT ${HOST}:443`]);
  });

  test('a global agent that is made for a proxy leads through it', async () => {
    const agent = `
      import https from 'node:https';
      https.globalAgent = new https.Agent({ ca, proxyEnv: { HTTPS_PROXY: ${JSON.stringify(proxyUrl())} } });`;
    expect(await linesOf(`https://${HOST}/stream`, OWN_CA + agent)).toEqual(['here']);
    expect(asked).toEqual([`CONNECT ${HOST}:443`]);
  });
});
