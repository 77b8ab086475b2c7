import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { publishedFolders } from '../scripts/metadata.ts';
import { freePort } from './end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from './program.ts';

const ROOT = join(import.meta.dirname, '..');

/** Runs the program of the README that has the word, with its port replaced. */
function run(word: string, port: string, replacement: number): RunningProgram {
  return RunningProgram.node(program('README.md', 'js', word).replaceAll(port, String(replacement)));
}

describe('the README', () => {
  test('has a hub in one’s own server and a listener that work together', async () => {
    const port = await freePort();
    const hub = run('LmdbLog', '4000', port);
    const topic = `http://127.0.0.1:${port}/topics/greetings`;
    const published = await whenUp(hub, topic, { method: 'POST', body: 'hello' });
    const id = await published.text();

    const listener = run('subscribe', '4000', port);
    expect(await listener.ended()).toEqual({ code: 0, output: `${id} message hello\n` });
  });

  test('has a channel of one’s own that sends what it says', async () => {
    const port = await freePort();
    const channel = run('Channel', '3000', port);
    const response = await whenUp(channel, `http://127.0.0.1:${port}/`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('event: tick\n')) break;
    }
    expect(text).toContain('event: tick\n');
  });

  test('has every published package in its table, and what it needs', () => {
    const rows = [
      ...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^\| \[`(.*?)`\]\((.*?)\) \|.*\| (.*) \|$/gm),
    ];
    const table = rows.map(([, name, link, needs]) => ({ name, link, needs: needs!.split(/[,;] /).toSorted() }));
    const packages = publishedFolders(ROOT).map((folder) => {
      const { name, dependencies = {} } = JSON.parse(
        readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8'),
      ) as { name: string; dependencies?: Record<string, string> };
      const needs = Object.keys(dependencies).map((dependency) => dependency.replace('@tidings/', ''));
      return { name, link: `packages/${folder}/README.md`, needs: needs.length > 0 ? needs.toSorted() : ['nothing'] };
    });
    expect(table.toSorted(byName)).toEqual(packages.toSorted(byName));
  });
});

function byName(a: { name?: string | undefined }, b: { name?: string | undefined }): number {
  return String(a.name).localeCompare(String(b.name));
}
