import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The programs of the README, by a word that only one of them has. */
function program(word: string): string {
  const programs = [...README.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
  const [found, another] = programs.filter((code) => code.includes(word));
  if (found === undefined || another !== undefined) throw new Error(`The README should have one program with ${word}`);
  return found;
}

const running: ChildProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Runs a program with its port replaced, from where it finds the packages. */
function run(code: string): ChildProcess {
  // Below the workshop's node_modules, so that it finds the packages as an installation would.
  const cache = join(ROOT, 'node_modules', '.cache', 'tidings');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'readme-'));
  folders.push(folder);
  writeFileSync(join(folder, 'program.mjs'), code);
  const child = spawn(process.execPath, ['program.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  return child;
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

/** The answer as soon as the server of a program is there. */
async function whenUp(child: ChildProcess, url: string, init?: RequestInit): Promise<Response> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('The program ended instead of serving');
    try {
      return await fetch(url, init);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('the README', () => {
  test('has a hub in one’s own server and a listener that work together', async () => {
    const port = await freePort();
    const hub = run(program('LmdbLog').replaceAll('4000', port));
    const topic = `http://127.0.0.1:${port}/topics/greetings`;
    const published = await whenUp(hub, topic, { method: 'POST', body: 'hello' });
    const id = await published.text();

    const listener = run(program('subscribe').replaceAll('4000', port));
    let output = '';
    listener.stdout!.on('data', (text: Buffer) => {
      output += text.toString();
    });
    const [code] = (await once(listener, 'exit')) as [number];
    expect({ code, output }).toEqual({ code: 0, output: `${id} message hello\n` });
  });

  test('has a channel of one’s own that sends what it says', async () => {
    const port = await freePort();
    const channel = run(program('Channel').replaceAll('3000', port));
    const response = await whenUp(channel, `http://127.0.0.1:${port}/`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('event: tick\n')) break;
    }
    expect(text).toContain('event: tick\n');
  });
});
