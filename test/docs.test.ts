import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { decodeEventStream, type EventMessage } from '@tidings/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isMissing } from './browser.ts';
import { freePort, RestartableHub } from './end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from './program.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = 'docs/reconnecting.md';

/** A page's `localStorage` in a file, and its `EventSource`. */
const PAGE_GLOBALS = `
import { readFileSync, writeFileSync } from 'node:fs';
import { EventSource } from '@tidings/client';
const path = 'local-storage.json';
const read = () => { try { return JSON.parse(readFileSync(path, 'utf8')); } catch { return {}; } };
globalThis.localStorage = {
  getItem: (key) => read()[key] ?? null,
  setItem: (key, value) => writeFileSync(path, JSON.stringify({ ...read(), [key]: value })),
};
globalThis.EventSource = EventSource;
`;

describe('the page on reconnecting', () => {
  test('has a server that breaks off and a listener that misses nothing', async () => {
    const port = await freePort();
    const server = RunningProgram.node(onPort(program(PAGE, 'js', 'setInterval'), '3000', port));
    await (await whenUp(server, `http://127.0.0.1:${port}/`)).body?.cancel();
    const listener = RunningProgram.node(onPort(program(PAGE, 'js', 'source.onerror'), '3000', port));
    const lost = 'lost, asking again';
    const output = ['1', '2', '3', lost, '4', '5', '6', lost, '7', ''].join('\n');
    expect(await listener.ended()).toEqual({ code: 0, output });
  });

  test('has a program that is told of a gap', async () => {
    const hub = await startHub();
    await publish(hub, 'orders', 'one');
    const listener = RunningProgram.node(onPort(program(PAGE, 'js', 'isGap'), '4000', hub.port));
    await listener.printed('one\n');
    expect(listener.output).toBe('missed what came after long-ago (unknown): load everything anew\none\n');
  });

  test('has a channel that stops its listeners', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const server = RunningProgram.node(onPort(program(PAGE, 'js', 'build.close'), '3000', port));
    const events = readEvents(await whenUp(server, url));
    await fetch(url, { method: 'POST' });
    const last = (await events).at(-1);
    expect(last).toMatchObject({ type: 'done', data: 'built' });
    const again = await fetch(url, { headers: { 'last-event-id': last!.lastEventId } });
    expect(again.status).toBe(204);
  });

  test('has a page that goes on after it was loaded anew', async () => {
    const hub = await startHub();
    const code = PAGE_GLOBALS + onPort(program(PAGE, 'js', "localStorage.getItem('position')"), '4000', hub.port);
    const first = RunningProgram.node(code);
    // Its first position, which the hub tells it before any event.
    await fileHolds(first.folder, 'local-storage.json', '.0"}');
    await publish(hub, 'orders', 'seen');
    await first.printed('seen\n');
    await fileHolds(first.folder, 'local-storage.json', '.1"}');
    await first.kill();

    await publish(hub, 'orders', 'missed');
    const second = RunningProgram.node(code, first.folder);
    await second.printed('missed\n');
    expect(second.output).toBe('missed\n');
  });

  test('has a program that goes on after it was killed', async () => {
    const hub = await startHub();
    const id = await publish(hub, 'orders', 'seen');
    const code = onPort(program(PAGE, 'js', 'fileStore'), '4000', hub.port);
    const first = RunningProgram.node(code);
    await first.printed('seen\n');
    await fileHolds(first.folder, 'position.txt', id);
    await first.kill();

    await publish(hub, 'orders', 'missed');
    const second = RunningProgram.node(code, first.folder);
    await second.printed('missed\n');
    expect(second.output).toBe('missed\n');
  });
});

describe.skipIf(isMissing('curl'))('the commands of the page on reconnecting', () => {
  test('listen behind an event', async () => {
    const events = await runCommands('diary');
    expect(events.map(({ data }) => data)).toEqual(['had breakfast']);
  });

  test('are told of a gap', async () => {
    const [gap, ...kept] = await runCommands('topics/news');
    expect(gap).toMatchObject({ type: 'tidings-gap' });
    expect(JSON.parse(gap!.data)).toMatchObject({ after: 'long-ago', reason: 'unknown' });
    expect(kept.map(({ data }) => data)).toEqual(['good']);
  });

  test('begin where they say', async () => {
    const events = await runCommands('topics/steps');
    const plain = events.filter(({ type }) => type === 'message');
    expect(plain.map(({ data }) => data)).toEqual(['two', 'three', 'one', 'two', 'three']);
  });

  test('publish once what is sent twice', async () => {
    const hub = await startHub();
    const { output } = await RunningProgram.shell(
      onPort(program(PAGE, 'sh', 'Idempotency-Key'), '4000', hub.port),
    ).ended();
    const id = await publish(hub, 'orders', 'another');
    const first = id.replace(/\.2$/, '.1');
    expect(first).not.toBe(id);
    expect(output).toBe(`${first}\n${first}\n`);
  });

  async function runCommands(word: string): Promise<readonly EventMessage[]> {
    const hub = await startHub();
    const commands = RunningProgram.shell(onPort(program(PAGE, 'sh', word), '4000', hub.port));
    const { output } = await commands.ended();
    return readEvents(new Response(output));
  }
});

/** The pages of the workshop, by their paths. */
const PAGES = [
  '.',
  'docs',
  'examples',
  'benchmarks',
  'deploy',
  ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`),
]
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)))
  .filter((path) => path.endsWith('.md'));

test.each(PAGES)('every link of %s leads somewhere', (path) => {
  const page = readFileSync(join(ROOT, path), 'utf8');
  const broken = [...page.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => {
      const [file, anchor] = target.split('#') as [string, string?];
      const linked = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(ROOT, linked))) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(join(ROOT, linked), 'utf8')).has(anchor);
    });
  expect(broken).toEqual([]);
});

test.each(PAGES)('the programs of %s are for the oldest Node that is supported', (path) => {
  const programs = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^ *```js\n([\s\S]*?)^ *```$/gm)];
  // Before Node 24 these declarations are a mistake of syntax.
  expect(programs.filter(([, code]) => /^\s*(?:await )?using \w+ =/m.test(code!))).toEqual([]);
});

test('every path that CONTRIBUTING.md names is there', () => {
  const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const paths = [...page.matchAll(/`((?:packages|scripts|test|docs|examples|benchmarks)(?:\/[\w./-]*)?)`/g)].map(
    ([, path]) => path!,
  );
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

/** What the headings of a page are called in links to them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const titles = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function onPort(code: string, port: string, replacement: number): string {
  return code.replaceAll(port, String(replacement));
}

async function startHub(): Promise<RestartableHub> {
  const hub = await RestartableHub.make();
  await hub.start();
  return hub;
}

/** Publishes an event and resolves to its id. */
async function publish(hub: RestartableHub, topic: string, data: string): Promise<string> {
  const response = await fetch(`${hub.url}/topics/${topic}`, { method: 'POST', body: data });
  return response.text();
}

/** The events of a response that ends. */
async function readEvents(response: Response): Promise<readonly EventMessage[]> {
  const events: EventMessage[] = [];
  for await (const event of decodeEventStream(response.body!)) events.push(event);
  return events;
}

/** Resolves when a file of a folder holds the text. */
async function fileHolds(folder: string, name: string, content: string): Promise<void> {
  const watcher = watch(folder);
  onTestFinished(() => watcher.close());
  const holds = (): boolean => {
    try {
      return readFileSync(join(folder, name), 'utf8').includes(content);
    } catch {
      return false;
    }
  };
  while (!holds()) await once(watcher, 'change');
}
