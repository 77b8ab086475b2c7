import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as postgres from '@tidings/postgres';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { program, RunningProgram, whenUp } from '../../../test/program.ts';
import { serverOfFile } from './rig.ts';

const PAGE = 'packages/postgres/README.md';
const FOLDER = join(import.meta.dirname, '..');
const README = readFileSync(join(FOLDER, 'README.md'), 'utf8');

const file = serverOfFile();

test('the package exports exactly these names', () => {
  expect(Object.keys(postgres).toSorted()).toEqual(['PostgresError', 'PostgresLog']);
});

describe('the README', () => {
  test('names every code of an error, and no other', () => {
    const source = readFileSync(join(FOLDER, 'src/errors.ts'), 'utf8');
    const codes = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, code]) => code!);
    expect(codes(README, /^\| `(ERR_\w+)`/gm)).toEqual(codes(source, /'(ERR_\w+)'/g));
  });

  test.skipIf(withoutPostgres)(
    'has a hub, the rights of its role, and a transaction of another role that publishes',
    async () => {
      const blocks = [...README.matchAll(/```sql\n([^`]*)```/g)].map(([, text]) => text!);
      const [transaction, hub, shop] = blocks as [string, string, string];
      await file.server.ask(hub.replace('…', 'secret'));
      const port = await freePort();
      const code = program(PAGE, 'js', 'new Hub')
        .replace('4000', String(port))
        .replace('127.0.0.1:5432/shop', `127.0.0.1:${file.server.port}/postgres`);
      const running = RunningProgram.node(code);
      const topic = `http://127.0.0.1:${port}/topics/orders?last_event_id=earliest`;
      const response = await whenUp(running, topic);
      await file.server.ask(
        'create table public.orders (id int, total numeric); create role shop; grant insert on public.orders to shop',
      );
      await file.server.ask(shop);
      await file.server.ask(`set role shop; ${transaction}`);
      let text = '';
      for await (const chunk of response.body!) {
        text += Buffer.from(chunk).toString();
        if (text.includes('data: {"id":17}\n')) break;
      }
      expect(text).toContain('event: created\n');
    },
  );
});
