import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { EventStreamDecoder } from '@tidings/wire';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';
import { isMissing } from '../../../test/browser.ts';
import { CODINGS, type DecodedCoding, withoutBlankLines } from './codings.ts';
import { CodedServer, type Version } from './content-coding-server.ts';
import { TestServer, until } from './test-server.ts';

/** What a client has decoded of a response. */
class Reception {
  readonly events: string[] = [];
  lastEventId = '';
  readonly ended: Promise<'complete' | 'cut'>;
  #changed = (): void => {};
  readonly #decoder = new EventStreamDecoder({
    onEvent: ({ type, data, lastEventId }) => {
      this.lastEventId = lastEventId;
      if (type === 'message') this.events.push(data);
      this.#changed();
    },
  });

  constructor(listen: (write: (chunk: Uint8Array) => void) => Promise<'complete' | 'cut'>) {
    this.ended = listen((chunk) => this.#decoder.write(chunk));
  }

  async reach(count: number): Promise<void> {
    while (this.events.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

type Listen = (origin: string, path: string, coding: DecodedCoding) => Reception;

const CURL = ['--silent', '--no-buffer', '--insecure', '--compressed'];

const curl =
  (version: string): Listen =>
  (origin, path, { name }) =>
    new Reception(async (write) => {
      const args = [...CURL, version, '--header', `Accept-Encoding: ${name}`, origin + path];
      const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.on('data', write);
      const [code] = (await once(child, 'close')) as [number];
      return code === 0 ? 'complete' : 'cut';
    });

const CLIENTS: readonly { name: string; version: Version; listen: Listen; missing?: boolean }[] = [
  { name: 'curl --compressed', version: 'HTTP/1.1', listen: curl('--http1.1'), missing: isMissing('curl') },
  { name: 'curl --compressed', version: 'HTTP/2', listen: curl('--http2'), missing: isMissing('curl') },
  {
    name: 'fetch of Node',
    version: 'HTTP/1.1',
    listen: (origin, path, { name }) =>
      new Reception(async (write) => {
        try {
          const response = await fetch(origin + path, { headers: { 'accept-encoding': name } });
          for await (const chunk of response.body!) write(chunk);
          return 'complete';
        } catch {
          return 'cut';
        }
      }),
  },
  {
    name: 'node:http2 with node:zlib',
    version: 'HTTP/2',
    listen: (origin, path, { name, decoder }) =>
      new Reception(async (write) => {
        const session = connect(origin, { rejectUnauthorized: false });
        session.on('error', () => {});
        const stream = session.request({ ':path': path, 'accept-encoding': name });
        const decoded = decoder();
        stream.on('error', (error) => decoded.destroy(error));
        stream.pipe(decoded);
        try {
          for await (const chunk of decoded) write(chunk as Uint8Array);
          return 'complete';
        } catch {
          return 'cut';
        } finally {
          session.destroy();
        }
      }),
  },
];

const reading = (n: number): string =>
  JSON.stringify({ n, sensor: `boiler-${n % 7}`, celsius: 60 + n / 4, at: '2026-01-01T00:00:00Z', valid: true });

const CASES = CLIENTS.flatMap((client) => CODINGS.map((coding) => ({ ...client, coding, codingName: coding.name })));

describe.each(CASES)('$name on $version, in $codingName', ({ version, listen, missing = false, coding }) => {
  test.skipIf(missing)('decodes each event of a channel as it is sent, and a clean end', async () => {
    await using server = await CodedServer.listen(version);
    const { channel } = server;
    const first = listen(server.origin, '/channel', coding);
    await until(() => channel.listeners === 1);
    const ids: string[] = [];
    for (let n = 1; n <= 30; n += 1) {
      // The next one is published only when this one has been decoded.
      ids.push(await channel.publish({ data: reading(n) }));
      await first.reach(n);
    }
    const late = listen(server.origin, '/channel', coding);
    const behind = listen(server.origin, `/channel?lastEventId=${ids[19]}`, coding);
    await behind.reach(10);
    await until(() => channel.stats().live === 3);
    for (let n = 31; n <= 40; n += 1) {
      await channel.publish({ data: reading(n) });
      await Promise.all([first.reach(n), late.reach(n - 30), behind.reach(n - 20)]);
    }
    await channel.close({ data: 'the end' });
    expect(new Set(await Promise.all([first.ended, late.ended, behind.ended]))).toEqual(new Set(['complete']));
    const all = [...Array.from({ length: 40 }, (_, index) => reading(index + 1)), 'the end'];
    expect([first.events, late.events, behind.events]).toEqual([all, all.slice(30), all.slice(20)]);
    for (const answer of server.answers) expect(answer).toEqual({ coding: coding.name, vary: 'Accept-Encoding' });
    expect(server.answers).toHaveLength(3);
  });

  test.skipIf(missing)(
    'decodes each event of a response of its own as it is sent, and sees a clean end and a cut',
    async () => {
      await using server = await CodedServer.listen(version);
      const whole = listen(server.origin, '/stream', coding);
      await until(() => server.streams.length === 1);
      const cut = listen(server.origin, '/stream', coding);
      await until(() => server.streams.length === 2);
      for (let n = 1; n <= 20; n += 1) {
        for (const { handle } of server.streams) void handle.send({ data: reading(n) });
        await Promise.all([whole.reach(n), cut.reach(n)]);
      }
      server.streams[0]!.handle.close();
      server.streams[1]!.fail(new Error('The source broke'));
      expect([await whole.ended, await cut.ended]).toEqual(['complete', 'cut']);
      expect(server.answers.map((answer) => answer.coding)).toEqual([coding.name, coding.name]);
    },
  );
});

test('who did not ask gets plain bytes, and who asks gets none where the option is off', async () => {
  const channels = [new Channel({ compression: true }), new Channel()];
  await using server = await TestServer.listen((request, response) => {
    void respond(channels[request.url === '/on' ? 0 : 1]!, request, response);
  });
  const ask = async (path: string, coding: string): Promise<[string | null, string | null, string]> => {
    const leaving = new AbortController();
    const response = await fetch(`${server.url}${path}`, {
      headers: { 'accept-encoding': coding },
      signal: leaving.signal,
    });
    const { value } = await response.body!.pipeThrough(new TextDecoderStream()).getReader().read();
    leaving.abort();
    return [response.headers.get('content-encoding'), response.headers.get('vary'), value!];
  };
  const hello = expect.stringContaining('event: tidings-heartbeat\n');
  expect(await ask('on', 'gzip')).toEqual(['gzip', 'Accept-Encoding', hello]);
  expect(await ask('on', 'identity')).toEqual([null, 'Accept-Encoding', hello]);
  expect(await ask('on', 'gzip;q=0')).toEqual([null, 'Accept-Encoding', hello]);
  expect(await ask('off', 'gzip')).toEqual([null, null, hello]);
});

test.each(CODINGS)(
  'a listener that reads $name slowly leaves its cohort and comes back to it, and decodes everything',
  async ({ name, whole }) => {
    const channel = new Channel({
      compression: true,
      keepAliveMs: 0,
      maxBacklogBytes: 16 * 1024,
      history: { maxBytes: 256 * 1024 * 1024 },
    });
    await using server = await TestServer.listen((request, response) => {
      void respond(channel, request, response);
    }, 'unix');
    const socketPath = server.server.address() as unknown as string;
    const open = async (): Promise<{ text(): string; pause(): void; resume(): void; closed: Promise<unknown> }> => {
      const request = get({ socketPath, path: '/', headers: { 'accept-encoding': name } });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // Where it is cut, what was decoded of it is not whole.
      response.on('error', () => {});
      return {
        text: () => withoutBlankLines(whole(Buffer.concat(chunks))),
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        closed: once(response, 'close'),
      };
    };
    const slow = await open();
    const quick = await open();
    await until(() => channel.listeners === 2);
    let published = 0;
    const random = randomNumbers();
    // Noise, so that it stays large.
    const publish = async (): Promise<void> => {
      published += 1;
      await channel.publish({
        data: `${published} ${Array.from({ length: 100 }, () => random().toString(36)).join('')}`,
      });
    };
    slow.pause();
    do {
      await publish();
      // A tick.
      await new Promise((resolve) => setImmediate(resolve));
    } while (channel.stats().live === 2);
    slow.resume();
    await until(() => channel.stats().live === 2);
    const back = published;
    while (published < back + 50) await publish();
    await channel.close({ data: 'the end' });
    await Promise.all([slow.closed, quick.closed]);
    for (const { text } of [slow, quick]) {
      const numbers = [...text().matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n));
      expect(numbers).toEqual(Array.from({ length: published }, (_, index) => index + 1));
      expect(text().endsWith('data: the end\n\n')).toBe(true);
    }
  },
);
