import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as lmdb from '@tidings/lmdb';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { program, RunningProgram, whenUp } from '../../../test/program.ts';

const PAGE = 'packages/lmdb/README.md';
const FOLDER = join(import.meta.dirname, '..');
const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');

test('the package exports exactly these names', () => {
  expect(Object.keys(lmdb).toSorted()).toEqual(['LmdbError', 'LmdbLog', 'LmdbPages']);
});

describe('the README', () => {
  test('names every code of an error, and no other', () => {
    const source = readFileSync(join(FOLDER, 'src/errors.ts'), 'utf8');
    const codes = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code!);
    expect(codes(README, /^\| `(ERR_\w+)`/gm)).toEqual(codes(source, /'(ERR_\w+)'/g));
  });

  test('has a hub whose events outlive it', async () => {
    const port = await freePort();
    const code = program(PAGE, 'js', 'new Hub').replace('4000', String(port));
    const topic = `http://127.0.0.1:${port}/topics/greetings`;
    const first = RunningProgram.node(code);
    const id = await (await whenUp(first, topic, { method: 'POST', body: 'hello' })).text();
    await first.kill();

    const second = RunningProgram.node(code, first.folder);
    const response = await whenUp(second, `${topic}?last_event_id=earliest`);
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('data: hello\n')) break;
    }
    expect(text).toContain(`id: ${id.trim()}\n`);
  });

  test('has a log that keeps longer, and less of some topics', async () => {
    expect(await RunningProgram.node(program(PAGE, 'js', 'perTopic')).ended()).toEqual({ code: 0, output: '' });
  });
});
