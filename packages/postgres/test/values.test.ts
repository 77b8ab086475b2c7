import { expect, test } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

test.skipIf(withoutPostgres)(
  'a value that one node has set is found, listed and removed by another at once',
  async () => {
    const schema = file.server.schema();
    const options = { pollMs: 60_000 };
    const [one, other] = [await openLog(file.server, schema, options), await openLog(file.server, schema, options)];
    for (let n = 0; n < 20; n += 1) {
      await one.values.set(`found/${n}`, String(n));
      expect(await other.values.get(`found/${n}`)).toBe(String(n));
      await one.values.set(`listed/${n}`, String(n));
      expect(await other.values.list('listed/')).toHaveLength(n + 1);
      await one.values.set('removed', String(n));
      expect(await other.values.remove('removed')).toBe(true);
      expect(await other.values.get(`none/${n}`)).toBeUndefined();
    }
    // Anybody may ask for what is not there: those who ask at the same time are answered together.
    const all = await Promise.all(Array.from({ length: 1000 }, (_, n) => other.values.get(`none/${n}`)));
    expect(new Set(all)).toEqual(new Set([undefined]));
  },
);
