import type { Selection } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { dataOf, event, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

describe.skipIf(withoutPostgres)('pages of a log in a database', () => {
  test('are few for who may not know most events, because these are not read', async () => {
    const log = await openLog(file.server, file.server.schema());
    const count = 12_000;
    for (const _ of [1, 2]) {
      const batch = Array.from({ length: count / 2 }, () => ({ ...event('secret', 'x'.repeat(1000)), private: true }));
      await log.append([{ ...event('secret/mine'), private: true }, ...batch.slice(1)]);
    }
    await log.append([event('secret', 'public')]);
    const through = count + 1;
    for (const [selection, data] of [
      [{ topics: 'all' }, ['public']],
      [{ topics: ['secret'] }, ['public']],
      [{ topics: 'all', private: ['secret/mine'] }, ['', '', 'public']],
      [{ topics: [{ pattern: '*', base: 'https://example.com/topics/' }] }, ['public']],
    ] as const satisfies readonly (readonly [Selection, readonly string[]])[]) {
      const found: string[] = [];
      let pages = 0;
      for (let after = 0; after < through; pages += 1) {
        const page = await log.read({ selection, after, through, maxBytes: 1 });
        found.push(...page.entries.map(dataOf));
        after = page.through;
      }
      expect(found).toEqual(data);
      expect(pages).toBeLessThan(20);
    }
  });

  test('of the list of topics read as many rows of an index as they have topics', async () => {
    const { server } = file;
    const schema = server.schema();
    const filled = await openLog(server, schema);
    await filled.append(Array.from({ length: 5000 }, (_, n) => event(`t/${n}`)));
    await filled.close();
    // What a connection has counted is there when it has ended.
    const read = async (index: string): Promise<number> => {
      const connections = `select 1 from pg_stat_activity where application_name = 'tidings'`;
      while ((await server.ask(connections)).length > 0) await new Promise((resolve) => setImmediate(resolve));
      const counted = `select idx_tup_read as rows from pg_stat_user_indexes where schemaname = $1 and indexrelname = $2`;
      return Number((await server.ask<{ rows: string }>(counted, [schema, index]))[0]!.rows);
    };
    for (const [request, index] of [
      [{ order: 'time', limit: 10 }, 'topics_last'],
      [{ order: 'time', limit: 10, publicOnly: true }, 'topics_public'],
      [{ order: 'name', limit: 10, after: 't/3' }, 'topics_pkey'],
    ] as const) {
      const before = await read(index);
      const log = await openLog(server, schema);
      const page = await log.directory.list(request);
      expect([page.topics.length, page.total]).toEqual([10, 5000]);
      await log.close();
      const rows = (await read(index)) - before;
      expect(rows).toBeGreaterThanOrEqual(10);
      expect(rows).toBeLessThan(100);
    }
  });
});
