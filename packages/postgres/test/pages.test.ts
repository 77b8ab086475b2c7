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
});
