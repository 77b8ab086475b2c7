import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as request1 } from 'node:http';
import { constants } from 'node:http2';
import { request } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { createServer, Hub, HubError, MemoryLog } from '@tidings/hub';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../server/test/certificate.ts';
import { answerOf, CERTIFICATE, FRAMES, RawClient, requestBlock, SecureHub } from './secure-hub.ts';
import type { Reply } from './test-hub.ts';

/** Asks by HTTP/1.1 over TLS. */
function ask1(port: number, method: string, path: string, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, agent: false, rejectUnauthorized: false };
    const sent = request(options, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer }),
        reject,
      );
    });
    sent.on('error', reject).end(body);
  });
}

const nameOf = (document: string): string => (JSON.parse(document) as { type: string }).type.replace(/.*#/, '');

describe('one port', () => {
  test('serves HTTP/1.1 and HTTP/2: each hears what the other has published', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const listener = await client.listen('/topics/a');
    expect((await ask1(hub.port, 'POST', '/topics/a', 'by HTTP/1.1')).status).toBe(200);
    await listener.until('data: by HTTP/1.1\n\n');
    const listening = request({
      host: '127.0.0.1',
      port: hub.port,
      path: '/topics/a',
      rejectUnauthorized: false,
      agent: false,
    });
    onTestFinished(() => void listening.destroy());
    const [response] = await once(listening.end(), 'response');
    expect((await client.ask('POST', '/topics/a', {}, 'by HTTP/2')).status).toBe(200);
    let heard = '';
    for await (const chunk of response) if ((heard += String(chunk)).includes('data: by HTTP/2\n\n')) break;
    await listener.until('data: by HTTP/2\n\n');
  });

  test.each([
    ['--http2', '2'],
    ['--http1.1', '1.1'],
  ])('is what curl asks for with %s', async (option, version) => {
    const hub = await SecureHub.start();
    const args = ['-sS', '-k', option, '-d', 'Hello', '-w', ' %{http_version}', `${hub.url}/topics/a`];
    const { stdout } = await promisify(execFile)('curl', args);
    expect(stdout).toMatch(new RegExp(`^\\w+\\.1 ${version}$`));
  });

  test('tells a client that speaks HTTP without TLS what to do, and whatever else comes is closed', async () => {
    const hub = await SecureHub.start();
    const sent = request1({ host: '127.0.0.1', port: hub.port, path: '/', agent: false }).end();
    const [response] = await once(sent, 'response');
    expect([response.statusCode, await text(response)]).toEqual([
      400,
      'This port speaks TLS: the URL has to begin with https://\n',
    ]);
    for (const bytes of [Buffer.from([22, 3, 1, 0, 5, 1, 2, 3, 4, 5]), Buffer.alloc(0)]) {
      const socket = connect(hub.port, '127.0.0.1').on('error', () => {});
      socket.end(bytes);
      await new Promise((resolve) => void socket.resume().once('close', resolve));
    }
    expect((await ask1(hub.port, 'GET', '/healthz')).status).toBe(200);
  });

  test('a client without ALPN gets HTTP/1.1, and one that offers others only is refused', async () => {
    const hub = await SecureHub.start();
    const socket = await hub.tls();
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    await expect(hub.tls({ ALPNProtocols: ['h3'] })).rejects.toThrow(/no application protocol/i);
  });

  test('takes TLS 1.2 and newer only, and no renegotiation', async () => {
    const hub = await SecureHub.start();
    // Also where the client would go lower.
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(hub.tls(old)).rejects.toThrow(/alert protocol version/);
    const socket = await hub.tls({ maxVersion: 'TLSv1.2' });
    expect(socket.getProtocol()).toBe('TLSv1.2');
    // It asks for one when it reads the line.
    const client = spawn('openssl', ['s_client', '-tls1_2', '-connect', `127.0.0.1:${hub.port}`]);
    onTestFinished(() => void client.kill());
    client.stdin.write('R\n');
    expect(await text(client.stderr)).toMatch(/RENEGOTIATING[^]*(?:no renegotiation|unexpected eof)/i);
    expect((await hub.tls()).getProtocol()).toBe('TLSv1.3');
  });
});

describe('HTTP/2', () => {
  test.each([
    ['GET', '/healthz', 200],
    ['HEAD', '/topics/a', 200],
    ['GET', '/nothing', 404],
    ['TRACE', '/topics/a', 405],
    ['OPTIONS', '*', 204],
    ['OPTIONS', '/topics/a', 204],
    ['GET', '/topics', 200],
    ['PUT', '/topics/made', 201],
  ])('%s %s is answered %i, without the fields of connections', async (method, path, status) => {
    const hub = await SecureHub.start();
    await hub.publish('a', 'x');
    const answer = await (await hub.connect()).ask(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', date: expect.any(String) as string });
    for (const name of ['connection', 'keep-alive', 'transfer-encoding'])
      expect(answer.headers).not.toHaveProperty(name);
    if (method === 'HEAD' || status === 204) expect(answer.text).toBe('');
    else if (path !== '/topics/made')
      expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
  });

  test.each([
    ['two hosts', '/topics/a', { ':authority': 'localhost', host: 'example.com' }, 'invalid-request'],
    ['a path with dots', '/topics/../a', {}, 'invalid-request'],
    ['a field twice', '/topics/a', { 'idempotency-key': ['a', 'b'] }, 'invalid-request'],
    ['a foreign host', '/topics/a', { ':authority': 'example.com' }, 'host-not-allowed'],
    ['large fields', '/topics/a', { 'x-large': 'x'.repeat(20_000) }, 'headers-too-large'],
    ['a long URL', `/topics/${'a'.repeat(6000)}`, {}, 'url-too-long'],
  ])('a request with %s is refused, and its connection goes on', async (_what, path, headers, problem) => {
    const hub = await SecureHub.start({ maxUrlBytes: 5000 });
    const client = await hub.connect();
    expect(nameOf((await client.ask('GET', path, headers)).text)).toBe(problem);
    expect((await client.ask('GET', '/healthz')).status).toBe(200);
  });

  test.each([
    ['a host that is none', '/topics/a', { ':authority': 'a b' }],
    ['a host with a password', '/topics/a', { ':authority': 'a:b@localhost' }],
    ['a path without a slash', 'topics/a', {}],
    ['an absolute URL', 'https://localhost/topics/a', {}],
  ])('a request with %s is malformed, and its connection goes on', async (_what, path, headers) => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    // By nghttp2, which knows more with each version, or else by the hub.
    const outcome = await client.ask('GET', path, headers).then(
      ({ status }) => status,
      (error: unknown) => String(error),
    );
    expect(String(outcome)).toMatch(/^400$|NGHTTP2_PROTOCOL_ERROR/);
    expect((await client.ask('GET', '/healthz')).status).toBe(200);
  });

  test.each([
    ['more fields than are taken', Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`x-${n}`, 'a']))],
    ['fields that are far too large', Object.fromEntries([1, 2].map((n) => [`x-${n}`, '{'.repeat(60_000)]))],
  ])('a request with %s is reset, and its connection goes on', async (_what, headers) => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const stream = client.request('GET', '/healthz', headers);
    await new Promise((resolve) => void stream.once('close', resolve));
    expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect((await client.ask('GET', '/healthz')).status).toBe(200);
  });

  test('the host may be in Host alone, as a proxy may have it, and in both', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    for (const hosts of [{ host: 'localhost' }, { ':authority': 'LOCALHOST', host: 'localhost' }]) {
      expect((await client.ask('GET', '/topics', hosts)).status).toBe(200);
    }
  });

  test('an event stream that is published is in the log as it arrives', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const listener = await client.listen('/topics/a');
    const upload = client.request('POST', '/topics/a', { 'content-type': 'text/event-stream' });
    for (const n of [1, 2, 3]) {
      upload.write(`data: ${n}\n\n`);
      await listener.until(`data: ${n}\n\n`);
    }
    upload.end();
    expect(await answerOf(upload)).toMatchObject({ status: 200 });
  });

  test.each([
    ['cancelled', constants.NGHTTP2_CANCEL],
    ['reset without an error', constants.NGHTTP2_NO_ERROR],
    ['reset with an error', constants.NGHTTP2_INTERNAL_ERROR],
  ])('nothing of a body that is %s is published', async (_what, code) => {
    const hub = await SecureHub.start();
    const raw = await RawClient.connect(hub);
    // Before and after the hub has read of it.
    for (const [stream, waits] of [
      [1, false],
      [3, true],
    ] as const) {
      raw.send(FRAMES.headers, 4, stream, requestBlock('POST', '/topics/a'));
      raw.send(FRAMES.data, 0, stream, Buffer.from('half'));
      if (waits) await raw.settle();
      const reason = Buffer.alloc(4);
      reason.writeUInt32BE(code);
      raw.send(FRAMES.reset, 0, stream, reason);
      await raw.settle();
    }
    // It has seen to them all.
    raw.send(FRAMES.headers, 4, 5, requestBlock('POST', '/topics/a'));
    raw.send(FRAMES.data, 1, 5, Buffer.from('whole'));
    const listener = await (await hub.connect()).listen('/topics/a?last=10');
    expect(await listener.until('data: whole')).not.toContain('half');
  });

  test('nothing of a body is published whose connection is lost', async () => {
    const hub = await SecureHub.start();
    const lost = await hub.connect();
    const upload = lost.request('POST', '/topics/a');
    upload.write('half');
    await lost.ask('GET', '/healthz');
    lost.session.destroy();
    const client = await hub.connect();
    await client.ask('POST', '/topics/a', {}, 'whole');
    const listener = await client.listen('/topics/a?last=10');
    expect(await listener.until('data: whole')).not.toContain('half');
  });

  test('a body that is waited for with Expect is asked for, and not if it is refused', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const sent = client.request('POST', '/topics/a', { expect: '100-continue' });
    await once(sent, 'continue');
    sent.end('x');
    expect((await answerOf(sent)).status).toBe(200);
    let asked = false;
    const refused = client.request('POST', '/nothing', { expect: '100-continue' });
    refused.on('continue', () => (asked = true));
    expect([(await answerOf(refused)).status, asked]).toEqual([404, false]);
  });

  test('a refusal reaches a client that sends everything first', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const sent = client.request('POST', '/topics/a', { 'content-length': String(4 * 1024 * 1024) });
    const answered = answerOf(sent);
    for (let n = 0; n < 64; n += 1)
      await new Promise<void>((resolve) => void sent.write(Buffer.alloc(65_536), () => resolve()));
    sent.end();
    const answer = await answered;
    expect([answer.status, nameOf(answer.text)]).toEqual([413, 'too-large']);
    await new Promise<void>((resolve) => (sent.closed ? resolve() : void sent.once('close', () => resolve())));
    expect(sent.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  test('a refusal whose body does not end is reset after a while, without an error', async () => {
    const hub = await SecureHub.start({ lingerMs: 1 });
    const client = await hub.connect();
    const sent = client.request('POST', '/nothing');
    sent.write('x');
    expect((await answerOf(sent)).status).toBe(404);
    await new Promise<void>((resolve) => (sent.closed ? resolve() : void sent.once('close', () => resolve())));
    expect(sent.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  test('a body that stands still is given up, and its connection goes on', async () => {
    const hub = await SecureHub.start({}, { limits: { maxBodyStallMs: 100 } });
    const client = await hub.connect();
    const sent = client.request('POST', '/topics/a');
    sent.write('x');
    const answer = await answerOf(sent);
    expect([answer.status, nameOf(answer.text)]).toEqual([408, 'too-slow']);
    sent.end('y');
    await new Promise<void>((resolve) => (sent.closed ? resolve() : void sent.once('close', () => resolve())));
    expect(sent.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect((await client.ask('POST', '/topics/a', {}, 'z')).status).toBe(200);
    const listener = await client.listen('/topics/a?last=10');
    expect(await listener.until('data: z')).not.toContain('data: x');
  });

  test('a form of QUERY is read', async () => {
    const hub = await SecureHub.start();
    await hub.publish('a', 'x');
    const client = await hub.connect();
    const sent = client.request('QUERY', '/topics', { 'content-type': 'application/x-www-form-urlencoded' });
    sent.end('match=a&last=1');
    let heard = '';
    for await (const chunk of sent) if ((heard += String(chunk)).includes('data: x')) break;
    expect(heard).toContain('data: x');
  });

  test('patterns are resolved against the same URL as without', async () => {
    const hub = await SecureHub.start();
    await hub.publish('a', 'x');
    const client = await hub.connect();
    const pattern = encodeURIComponent('http://localhost/topics/:one');
    const listener = await client.listen(`/topics?match_urlpattern=${pattern}&last=1`);
    expect(await listener.until('data: x')).toContain('id: ');
  });

  test('a proxy that is trusted gives address, scheme and host', async () => {
    const asked: unknown[] = [];
    const hub = await SecureHub.start(
      {},
      {
        trustedProxies: ['loopback'],
        authenticate({ address, url, headerNames, header }) {
          asked.push(address, url, headerNames?.().includes('x-own'), header('x-own'));
          return { allow: true, publish: 'all' };
        },
      },
    );
    const client = await hub.connect();
    const headers = { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-host': 'example.com', 'x-own': 'é' };
    expect((await client.ask('POST', '/topics/a', headers, 'x')).status).toBe(200);
    expect(asked).toEqual(['192.0.2.1', 'https://example.com/topics/a', true, 'é']);
  });

  test('fields of a face that HTTP/2 does not have are left out', async () => {
    const face = () => ({
      name: 'old',
      match: () => ['GET'],
      handle: () => ({
        status: 200,
        headers: { Connection: 'close', 'Keep-Alive': 'timeout=5', 'X-Own': 'kept' },
        body: 'x',
      }),
    });
    const hub = await SecureHub.start({}, { faces: [face] });
    const answer = await (await hub.connect()).ask('GET', '/');
    expect(answer).toMatchObject({ status: 200, text: 'x', headers: { 'x-own': 'kept' } });
    expect(answer.headers).not.toHaveProperty('connection');
  });
});

describe('the certificate', () => {
  const fingerprint = async (port: number): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };

  test('can be changed while streams run: they go on, and who comes then sees the new one', async () => {
    const next = makeCertificate();
    let present = CERTIFICATE;
    const hub = await SecureHub.start({ tls: () => present });
    const client = await hub.connect();
    const listener = await client.listen('/topics/a');
    const first = await fingerprint(hub.port);
    present = next;
    expect(await fingerprint(hub.port)).toBe(first);
    hub.server.renewCertificate();
    const second = await fingerprint(hub.port);
    expect(second).not.toBe(first);
    await hub.publish('a', 'after');
    await listener.until('data: after\n\n');
    for (const wrong of [
      { cert: next.cert, key: CERTIFICATE.key },
      { ...next, cert: 'x' },
    ]) {
      expect(() => hub.server.renewCertificate(wrong)).toThrow(HubError);
    }
    expect(await fingerprint(hub.port)).toBe(second);
    hub.server.renewCertificate({ cert: Buffer.from(CERTIFICATE.cert), key: Buffer.from(CERTIFICATE.key) });
    expect(await fingerprint(hub.port)).toBe(first);
  });

  const SECRET = 'bm90IGEga2V5';

  test.each([
    ['no object', 'x', 'The option tls is "x", but must be an object with any of tls.cert, tls.key'],
    ['an unknown name', { ...CERTIFICATE, ca: '' }, 'There is no option tls.ca; allowed are tls.cert, tls.key'],
    ['no key', { cert: CERTIFICATE.cert }, 'The option tls.key is undefined, but must be a text in PEM, or its bytes'],
    [
      'a number',
      { ...CERTIFICATE, cert: 1 },
      'The option tls.cert is a number, but must be a text in PEM, or its bytes',
    ],
    ['no certificate', { ...CERTIFICATE, cert: SECRET }, 'The option tls.cert is not a certificate in PEM'],
    [
      'a key that is none',
      { ...CERTIFICATE, key: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n` },
      'The option tls.key is not a private key in PEM, without a passphrase',
    ],
    [
      'the key of another',
      { ...CERTIFICATE, key: makeCertificate().key },
      'The option tls.key is not the key of the certificate in tls.cert',
    ],
  ])('is refused with %s', (_what, tls, message) => {
    let thrown: unknown;
    try {
      createServer(new Hub({ log: new MemoryLog() }), { tls: tls as never });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) as string });
    expect(String(thrown)).not.toContain(SECRET);
  });
});
