import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Flood, flood, gzipFlood, HostileServer } from './hostile-server.ts';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';
import { type Runtime, runtimes } from '../../../test/runtimes.ts';
import { head, ScriptedServer, type ServerScript, STREAM_HEAD } from './scripted-server.ts';

const END = { do: 'end' } as const;
const MEBIBYTE = 2 ** 20;

/** What a process may grow by, where the longest event allowed has 16 MiB and is kept in a few copies at worst. */
const MAX_GROWTH = 256 * MEBIBYTE;
/** The same where no event is long. */
const MAX_GROWTH_OF_SMALL_EVENTS = 96 * MEBIBYTE;

let installed: InstalledClient;

beforeAll(() => {
  installed = new InstalledClient();
});

afterAll(() => installed[Symbol.dispose]());

/** Prints what `tell` is given, and by how many bytes the process has grown at most. */
const MEASURED = `
  import process from 'node:process';
  import { EventSource, subscribe } from '@tidings/client';
  const [url, other] = args;
  const before = process.memoryUsage().rss;
  let most = before;
  const look = () => void (most = Math.max(most, process.memoryUsage().rss));
  const looking = setInterval(look, 5);
  function tell(what) {
    look();
    clearInterval(looking);
    console.log(JSON.stringify({ ...what, growth: most - before }));
  }
`;

async function measure(runtime: Runtime, poured: Flood, source: string): Promise<Record<string, unknown>> {
  await using server = await HostileServer.listen(poured);
  const { code, lines } = await runProgram(runtime, installed, MEASURED + source, { args: [server.url] });
  expect(code).toBe(0);
  return JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
}

const UNTIL_ERROR = `
  const source = new EventSource(url);
  source.onerror = ({ code }) => {
    const { readyState } = source;
    source.close();
    tell({ code, readyState });
  };`;

const UNTIL_ERROR_OR_SILENCE = `
  const source = new EventSource(url);
  const silence = setTimeout(() => end('none'), 3_000);
  function end(code) {
    clearTimeout(silence);
    const { readyState } = source;
    source.close();
    tell({ code, readyState });
  }
  source.onerror = ({ code }) => end(code);`;

const RECONNECTED = `
  import { EventSource } from '@tidings/client';
  const source = new EventSource(args[0]);
  source.onerror = ({ code }) => console.log(code);
  source.onmessage = ({ data, lastEventId }) => {
    console.log(data, lastEventId.length);
    if (data === 'b') source.close();
  };`;

/** Takes ten events and then none for a second. */
const SLOW = `
  let taken = 0;
  for await (const event of subscribe(url)) {
    if (++taken === 10) await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (taken === 11) break;
  }
  tell({ taken });`;

const LONG = 'a'.repeat(64 * 1024);
const LONG_ZIPPED = 'a'.repeat(16 * MEBIBYTE);
const MANY = `data: ${'a'.repeat(1_000)}\n\n`.repeat(10_000);

describe.each(runtimes)('a hostile server cannot hurt $title', (runtime) => {
  const endlessEvents: readonly (readonly [string, Flood])[] = [
    ['a line', flood('data: ', LONG)],
    ['an event of short lines', flood('', `data: ${'a'.repeat(100)}\n`.repeat(600))],
    ['a comment', flood(':', LONG)],
    ['an id', flood('id: ', LONG)],
    ['a line in gzip', gzipFlood('data: ', LONG_ZIPPED)],
  ];
  test.skipIf(runtime.missing).each(endlessEvents)('with %s without end', async (_, poured) => {
    const { growth, ...seen } = await measure(runtime, poured, UNTIL_ERROR);
    expect(seen).toEqual({ code: 'ERR_EVENT_TOO_LARGE', readyState: 2 });
    expect(growth).toBeLessThan(MAX_GROWTH);
  });

  const endlessStreams: readonly (readonly [string, Flood])[] = [
    ['events', flood('', MANY)],
    ['events in gzip', gzipFlood('', MANY)],
  ];
  test.skipIf(runtime.missing).each(endlessStreams)('with more %s than are taken', async (_, poured) => {
    const { growth, ...seen } = await measure(runtime, poured, SLOW);
    expect(seen).toEqual({ taken: 11 });
    expect(growth).toBeLessThan(MAX_GROWTH_OF_SMALL_EVENTS);
  });

  const endlessHeads: readonly (readonly [string, Flood])[] = [
    [
      'headers',
      { head: 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n', endless: 'X-More: aaaaaaaa\r\n'.repeat(1_000) },
    ],
    ['a header', { head: 'HTTP/1.1 200 OK\r\nX-More: ', endless: LONG }],
    ['a status line', { head: 'HTTP/1.1 200 ', endless: LONG }],
  ];
  test.skipIf(runtime.missing).each(endlessHeads)('with %s without end', async (_, poured) => {
    const { growth, ...seen } = await measure(runtime, poured, UNTIL_ERROR);
    expect(seen).toEqual({ code: 'ERR_NETWORK', readyState: 0 });
    expect(growth).toBeLessThan(MAX_GROWTH_OF_SMALL_EVENTS);
  });

  test.skipIf(runtime.missing)('with interim responses without end', async () => {
    const endless = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n'.repeat(1_000);
    const { growth, ...seen } = await measure(runtime, { head: '', endless }, UNTIL_ERROR_OR_SILENCE);
    // The fetch of Bun and that of Deno wait for the response that counts, and keep nothing of the others.
    expect(seen).toEqual({ code: runtime.kind === 'node' ? 'ERR_NETWORK' : 'none', readyState: 0 });
    expect(growth).toBeLessThan(MAX_GROWTH_OF_SMALL_EVENTS);
  });

  const ids: readonly (readonly [string, number, boolean])[] = [
    ['an ID as long as a header line may be', 8_000, true],
    ['an ID longer than a header line may be', 8_001, false],
    ['an ID as long as a head may be', 65_536, false],
    ['an ID almost as long as an event may be', 16 * MEBIBYTE - 100, false],
  ];
  test.skipIf(runtime.missing).each(ids)('with %s, behind which it reconnects', async (_, length, isSent) => {
    const id = 'i'.repeat(length);
    await using server = await ScriptedServer.listen([
      [STREAM_HEAD, `retry: 100\nid: ${id}\ndata: a\n\n`, END],
      [STREAM_HEAD, 'data: b\n\n'],
    ]);
    const { code, lines } = await runProgram(runtime, installed, RECONNECTED, { args: [server.origin] });
    expect(code).toBe(0);
    expect(lines).toEqual([`a ${length}`, isSent ? 'ERR_STREAM_ENDED' : 'ERR_LAST_EVENT_ID', `b ${length}`]);
    expect(server.requests[1]?.headers['last-event-id']).toBe(isSent ? id : undefined);
  });

  test.skipIf(runtime.missing)('with a redirect to another origin, which gets no secret', async () => {
    await using other = await ScriptedServer.listen([
      [STREAM_HEAD, 'data: a\n\n'],
      [STREAM_HEAD, 'data: a\n\n'],
    ]);
    const away: ServerScript = [head(307, { Location: `${other.origin}/away`, 'Content-Length': '0' }), END];
    await using first = await ScriptedServer.listen([away, away]);
    const url = `${first.origin.replace('//', '//me:secret@')}/`;
    const program = `
      import { EventSource, subscribe } from '@tidings/client';
      await new Promise((resolve) => {
        const source = new EventSource(args[0]);
        source.onmessage = () => {
          source.close();
          resolve();
        };
      });
      const headers = { cookie: 'c=secret', 'x-key': 'secret', 'proxy-authorization': 'secret' };
      for await (const event of subscribe(args[0], { headers, lastEventId: '7' })) break;`;
    const { code } = await runProgram(runtime, installed, program, { args: [url] });
    expect(code).toBe(0);
    for (const { headers } of first.requests) expect(headers['authorization']).toMatch(/^Basic /);
    expect(first.requests[1]!.headers).toMatchObject({ cookie: 'c=secret', 'x-key': 'secret' });
    expect(other.requests).toHaveLength(2);
    expect(JSON.stringify(other.requests.map(({ headers }) => headers))).not.toMatch(/secret|authorization/);
    expect(other.requests[1]!.headers).toMatchObject({ 'last-event-id': '7', accept: 'text/event-stream' });
  });
});
