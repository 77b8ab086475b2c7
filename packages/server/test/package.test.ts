import * as root from '@tidings/server';
import * as aiSdk from '@tidings/server/ai-sdk';
import * as assistantUi from '@tidings/server/assistant-ui';
import * as fastify from '@tidings/server/fastify';
import * as http2 from '@tidings/server/http2';
import * as koa from '@tidings/server/koa';
import * as live from '@tidings/server/live';
import * as units from '@tidings/server/units';
import * as log from '@tidings/server/log';
import * as mcp from '@tidings/server/mcp';
import * as nest from '@tidings/server/nest';
import * as node from '@tidings/server/node';
import * as runs from '@tidings/server/runs';
import * as tanstackAi from '@tidings/server/tanstack-ai';
import * as remote from '@tidings/server/log/remote';
import * as testing from '@tidings/server/log/testing';
import { decodeEventStream } from '@tidings/wire';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { strictErrors } from '../../../test/program.ts';

const FOLDER = join(import.meta.dirname, '..');
const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');
const programs = [...README.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);

/** The first program of the README that has the words. */
function program(words: string): string {
  const found = programs.find((code) => code.includes(words));
  if (found === undefined) throw new Error(`The README has no program with ${words}`);
  return found;
}

/** Runs a program from where it finds the package, on a port of the system's choice, which it prints. */
function run(code: string, ...args: string[]): ChildProcess {
  const announced = code.replace('.listen(3000)', '.listen(0, function () { console.log(this.address().port); })');
  const child = spawn(process.execPath, [...args, '--input-type=module', '--eval', announced], { cwd: FOLDER });
  child.stderr.pipe(process.stderr);
  return child;
}

async function answer(child: ChildProcess, init: RequestInit = {}): Promise<Response> {
  const [port] = (await once(child.stdout!, 'data')) as [Buffer];
  return await fetch(`http://127.0.0.1:${port.toString().trim()}/`, init);
}

describe('the package', () => {
  test('exports these names', () => {
    const names = (entry: object): string[] => Object.keys(entry).toSorted();
    expect({
      '.': names(root),
      './live': names(live),
      './units': names(units),
      './node': names(node),
      './http2': names(http2),
      './fastify': names(fastify),
      './koa': names(koa),
      './nest': names(nest),
      './runs': names(runs),
      './ai-sdk': names(aiSdk),
      './tanstack-ai': names(tanstackAi),
      './assistant-ui': names(assistantUi),
      './mcp': names(mcp),
      './log': names(log),
      './log/remote': names(remote),
      './log/testing': names(testing),
    }).toMatchInlineSnapshot(`
      {
        ".": [
          "Channel",
          "ServerError",
          "eventStream",
          "fetchHead",
          "isGap",
          "toResponse",
        ],
        "./ai-sdk": [
          "answerUIMessages",
          "createResumableStreamContext",
          "respondUIMessages",
          "startUIMessages",
          "storedUIMessageChunks",
        ],
        "./assistant-ui": [
          "ResumableStreamError",
          "createResumableStreamStore",
        ],
        "./fastify": [
          "eventStream",
          "respond",
        ],
        "./http2": [
          "eventStream",
          "http2Head",
          "respond",
          "startStream",
        ],
        "./koa": [
          "eventStream",
          "respond",
        ],
        "./live": [
          "Audience",
          "DEFAULT_KEEP_ALIVE_MS",
          "DURATION_FORM",
          "EVENT_STREAM_HEADERS",
          "EXPIRED",
          "EventIterators",
          "FanOut",
          "HISTORY_PARAMETERS",
          "LISTEN_PARAMETERS",
          "PresentList",
          "SharedChunk",
          "TIME_FORM",
          "allowedBy",
          "answerOptions",
          "bodySink",
          "checkCompression",
          "checkCors",
          "checkParameters",
          "checkRights",
          "choice",
          "codedFor",
          "duration",
          "fetchHead",
          "findStart",
          "formatDuration",
          "hasNoBody",
          "historyParameters",
          "isComplete",
          "joinHeaders",
          "listenParameters",
          "may",
          "negotiateCoding",
          "news",
          "parameter",
          "parseDuration",
          "parseTime",
          "pump",
          "queryOf",
          "readEvent",
          "readPage",
          "reported",
          "systemClock",
          "toResponse",
          "turnAfter",
          "wholeNumber",
        ],
        "./log": [
          "DEFAULT_SCAN_MS",
          "DISORDER_MS",
          "EARLIEST",
          "ENTRY_STEPS",
          "EVERYTHING",
          "Epochs",
          "FORGOTTEN_MS",
          "Followers",
          "FoundEvents",
          "KEY_LIFETIME_MS",
          "KeptValues",
          "LastSearch",
          "ListSearch",
          "LogTime",
          "MAX_LISTS_AT_ONCE",
          "MAX_NAME_BYTES",
          "MAX_SCAN_MS",
          "MemoryLog",
          "NO_TYPE",
          "NewestFirst",
          "PrivateOthers",
          "PublicTopics",
          "RankedNames",
          "RecentTopics",
          "Selector",
          "ServerError",
          "TopicBook",
          "TopicBounds",
          "TopicDraft",
          "TopicSearch",
          "TopicSearches",
          "TopicTest",
          "TrimLedger",
          "Turn",
          "Turns",
          "URI_TEMPLATE",
          "checkBatch",
          "checkBounds",
          "checkLease",
          "checkRetention",
          "checkTopic",
          "checkTopicOptions",
          "closingEvent",
          "compileInTurns",
          "compilePattern",
          "compilePatterns",
          "concernsStates",
          "counted",
          "createTopic",
          "deletionOf",
          "endLease",
          "entries",
          "entryAt",
          "exceeds",
          "fieldsOf",
          "finalOf",
          "formatCursor",
          "formatMarked",
          "hasNewest",
          "idsOf",
          "isCursor",
          "isKnownPublicly",
          "isReplaceable",
          "isSearchedByTopic",
          "isSelected",
          "isTemplate",
          "latestNameOf",
          "leaseTopic",
          "listedTopics",
          "logProblem",
          "mergeBySeq",
          "newEpoch",
          "newToken",
          "newestFor",
          "noteEmptied",
          "noteEvent",
          "parseCursor",
          "parseMarked",
          "placeEvent",
          "prepareBatch",
          "publicPart",
          "refusalOf",
          "releaseTopic",
          "repeatOf",
          "shown",
          "statusOf",
          "suggestion",
          "systemClock",
          "toldGap",
          "wentTo",
          "withEvent",
          "withTimes",
          "withoutEvent",
        ],
        "./log/remote": [
          "LogHost",
          "RemoteLog",
        ],
        "./log/testing": [
          "FAULTS",
          "ManualClock",
          "RemoteStore",
          "eventLogCases",
        ],
        "./mcp": [
          "createEventStore",
        ],
        "./nest": [
          "eventStream",
          "respond",
        ],
        "./node": [
          "createServer",
          "eventStream",
          "nodeHead",
          "respond",
          "sendAnswer",
          "startResponse",
        ],
        "./runs": [
          "Runs",
          "ServerError",
        ],
        "./tanstack-ai": [
          "runDurability",
        ],
        "./units": [
          "DURATION_FORM",
          "TIME_FORM",
          "formatDuration",
          "parseDuration",
          "parseTime",
        ],
      }
    `);
    expect(names(root).length).toBeLessThanOrEqual(15);
  });

  test('has a suite of cases with names of their own', () => {
    const all = ['local', 'time', 'trim', 'directory', 'exact', 'durable', 'epochs', 'cut'] as const;
    const names = testing.eventLogCases(all).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(50);
  });
});

describe('the README', () => {
  test('has every error code and no other', () => {
    const source = readFileSync(join(FOLDER, 'src/errors.ts'), 'utf8');
    const codes = (text: string): string[] => [...new Set(text.match(/ERR_\w+/g))].toSorted();
    expect(codes(README)).toEqual(codes(source));
  });

  test('has every option', () => {
    const options = (file: string, name: string): string[] => {
      const source = readFileSync(join(FOLDER, 'src', file), 'utf8');
      const [, body = ''] = new RegExp(`interface ${name}\\s[^{]*{([\\s\\S]*?)\n}`).exec(source) ?? [];
      return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, option]) => option!);
    };
    const all = [
      ...options('response/pump.ts', 'PumpOptions'),
      ...options('http/head.ts', 'HeadOptions'),
      ...options('node/index.ts', 'NodeOptions'),
      ...options('channel/channel-options.ts', 'ChannelOptions'),
      ...options('audience/options.ts', 'AudienceOptions'),
      ...options('audience/rights.ts', 'Rights'),
      ...options('events/options.ts', 'EventsOptions'),
      ...options('live/options.ts', 'FanOutOptions').filter(
        (option) => option !== 'schedule' && option !== 'maxTickBytes',
      ),
    ];
    expect(all.length).toBeGreaterThan(25);
    // That of an audience alone stands with the audience.
    const own = all.filter((option) => option !== 'maxMatcherBytes');
    expect(README).toContain('it has `maxMatcherBytes`');
    expect(own.filter((option) => !README.includes(`| \`${option}\` |`))).toEqual([]);
  });

  test('has a table of contents whose links lead to its headings, each of which is in it', () => {
    const headings = [...README.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!);
    const anchors = headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    const [contents = ''] = README.split('\n## ', 1);
    const links = (text: string): string[] => [...text.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor!);
    expect(links(contents)).toEqual(anchors);
    expect(links(README).filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });

  test('has a program that counts down', async () => {
    const child = run(program('lift-off'));
    expect(await (await answer(child)).text()).toContain('event: count\ndata: 1\n\ndata: lift-off\n\n');
    child.kill();
  });

  test('has a program that appends on a condition, once', async () => {
    const child = run(program('lastSeq'));
    const [output] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(output.toString()).toBe('ERR_CONDITION\n');
  });

  test('has a program with a channel for each user, which goes with the last listener', async () => {
    const code = program('channelOf').replace(
      'if (user === undefined)',
      "if (request.url === '/channels') return response.end(String(channels.size));\n  if (user === undefined)",
    );
    const child = run(code.replace('}, 1000);', '}, 10);'));
    const [port] = (await once(child.stdout!, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}`;
    const headers = { authorization: 'Bearer s3cret' };
    const channels = async (): Promise<string> => (await fetch(`${url}/channels`)).text();
    // Streams one after the other get all events, though the channel is another one each time.
    let lastEventId = 'earliest';
    const seqs: number[] = [];
    for (let visit = 0; visit < 3; visit += 1) {
      const { body } = await fetch(url, { headers: { ...headers, 'last-event-id': lastEventId } });
      expect(await channels()).toBe('1');
      let taken = 0;
      for await (const { type, data, lastEventId: id } of decodeEventStream(body!)) {
        if (type === 'tidings-heartbeat') continue;
        expect([type, data]).toEqual(['message', 'hello']);
        lastEventId = id;
        seqs.push(Number(id.split('.')[1]));
        if ((taken += 1) === 3) break;
      }
      while ((await channels()) !== '0');
    }
    expect(seqs).toEqual(Array.from({ length: 9 }, (_, index) => index + 1));
    expect((await fetch(url, { method: 'HEAD', headers })).status).toBe(200);
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(405);
    expect(await channels()).toBe('0');
    child.kill();
  });

  test('has a test of an application without sockets, which passes', async () => {
    const child = run(program('ManualClock'));
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(line.toString()).toBe('passed\n');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
  });

  test('has a program that iterates over the events of a channel, and one that copies a log', async () => {
    const outputOf = async (words: string): Promise<string> => {
      const child = run(program(words));
      let output = '';
      child.stdout!.on('data', (chunk) => {
        output += String(chunk);
      });
      await once(child, 'close');
      return output;
    };
    expect(await outputOf('isGap(event)')).toBe('paid {"order":41}\npaid {"order":42}\n');
    expect(await outputOf('fieldsOf(entry)')).toBe('1 false\nmy-1 false\n');
  });

  test('has a program that copies keys, ends, and events whose publishers gave them one id', async () => {
    const events = [
      { topics: ['a'], fields: { data: 'same', id: 'same' } },
      { topics: ['a'], fields: { data: 'same', id: 'same' } },
      { topics: ['a'], fields: { data: 'other', id: 'same' }, private: true },
      { topics: ['b'], fields: { data: 'value' }, latestKey: 'key' },
      { topics: ['b'], fields: { data: '' }, latestKey: 'key', forget: true },
      { topics: ['c'], fields: { data: 'bye' }, final: true },
    ];
    const code = program('fieldsOf(entry)').replace(
      /await log\.append.*;/,
      `const found = async (log) => {
        const { head } = await log.locate('earliest');
        const selection = { topics: 'all', private: 'all' };
        const page = await log.read({ selection, after: 0, through: head, maxBytes: 100_000 });
        const known = page.entries.map(({ id, time, frame, ...entry }) => ({ ...entry, ...fieldsOf({ id, frame }) }));
        return JSON.stringify(known);
      };
      for (const event of ${JSON.stringify(events)}) await log.append([event]);`,
    );
    const child = run(`${code}\nconsole.log(await found(log));\nconsole.log(await found(copy));`);
    let output = '';
    child.stdout!.on('data', (chunk) => {
      output += String(chunk);
    });
    await once(child, 'close');
    const [original, copy] = output.trim().split('\n').slice(-2);
    expect(JSON.parse(original!)).toHaveLength(events.length + 1);
    expect(copy).toBe(original);
  });

  test('has a program that sends from a callback', async () => {
    const child = run(program('EventEmitter'));
    const reader = (await answer(child)).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!/event: price\ndata: 0\.\d+\n\n/.test(text)) text += (await reader.read()).value;
    child.kill();
  });

  test('has runs that go on without the request that has started them, and can be stopped', async () => {
    const child = run(program('new Runs('));
    const started = await answer(child, { method: 'POST' });
    const url = started.url;
    const ask = async (init?: RequestInit): Promise<string> => (await fetch(url, init)).text();
    const text = await started.text();
    expect(text.match(/^data: .*$/gm)).toEqual([
      'data: It',
      'data:  goes',
      'data:  on',
      'data:  without',
      'data:  you.',
      'data: {"state":"done"}',
    ]);
    expect(await ask()).toBe(text);
    expect(await ask({ method: 'DELETE' })).toBe('done');
    child.kill();
  });

  test('has a program that answers pages of other origins', async () => {
    const child = run(program('const cors ='));
    const { headers, body } = await answer(child, { headers: { Origin: 'https://app.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    await body!.cancel();
    child.kill();
  });

  test('has a program that ticks', async () => {
    const child = run(program('new Channel()'));
    const reader = (await answer(child)).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!/id: .+\nevent: tick\ndata: 20.+\n\n/.test(text)) text += (await reader.read()).value;
    expect(text).toContain('tidings-heartbeat');
    child.kill();
  });

  test('has a program that gives a listener its own events', async () => {
    const refused = run(program('authenticate(request)'));
    const { status, headers } = await answer(refused);
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    refused.kill();
    const child = run(program('authenticate(request)'));
    const { body } = await answer(child, { headers: { Authorization: 'Bearer s3cret' } });
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (text.split('"to":"ada"').length < 3) text += (await reader.read()).value;
    expect(text).not.toContain('bob');
    child.kill();
  });

  test('has a program with rights that strict TypeScript takes', async () => {
    expect(await strictErrors(program('authenticate(request)'))).toBe('');
  });

  test('has a program that ends in good order on SIGTERM', async () => {
    const child = run(program("process.once('SIGTERM'"));
    const reader = (await answer(child)).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: tick\n')) text += (await reader.read()).value;
    child.kill('SIGTERM');
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    expect(text).toMatch(/retry: \d+\n\n$/);
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0);
  });

  test('has a program for many listeners', async () => {
    const child = run(program('createServer, respond }'));
    const { headers, body } = await answer(child);
    expect(headers.get('connection')).toBe('close');
    await body!.cancel();
    child.kill();
  });

  test('has every diagnostics name', () => {
    const source = readFileSync(join(FOLDER, 'src/channel/channel-diagnostics.ts'), 'utf8');
    const names = [...source.matchAll(/open\('(\w+)'\)/g)].map(([, name]) => name!);
    expect(names).toHaveLength(9);
    expect(names.filter((name) => !README.includes(`| \`tidings:channel:${name}\` |`))).toEqual([]);
  });

  test('has a program that runs the contract suite', async () => {
    const child = run(program('eventLogCases'), '--test-reporter=tap');
    let output = '';
    child.stdout!.on('data', (chunk) => {
      output += String(chunk);
    });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, output]).toEqual([0, expect.stringMatching(/^# fail 0$/m)]);
    expect(output).toMatch(/^# pass [1-9]\d/m);
    expect(output).toMatch(/^# skipped 0$/m);
  });
});
