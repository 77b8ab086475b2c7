import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PostgresServer } from '../../../test/postgres-server.ts';
import { newestPostgres } from '../../../test/runtimes.ts';

// What differs between versions of PostgreSQL: statements, notifications, locks and the functions in the database. All tests of this folder run on another version by `TIDINGS_POSTGRES`.
describe.skipIf(newestPostgres.missing)('on PostgreSQL 18', async () => {
  if (newestPostgres.missing) return;
  // The user that PostgreSQL runs as may not read the folder of the project.
  const copy = mkdtempSync(join(tmpdir(), 'tidings-postgres-18-'));
  chmodSync(copy, 0o755);
  cpSync(dirname(newestPostgres.programs), copy, { recursive: true, verbatimSymlinks: true });
  process.env['TIDINGS_POSTGRES'] = join(copy, 'bin');
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test('the server is of that version', async () => {
    const server = await PostgresServer.start();
    const [told] = await server.ask('show server_version');
    await server.close();
    expect(told).toEqual({ server_version: expect.stringMatching(/^18\./) });
  });

  await import('./nodes.test.ts');
  await import('./outbox.test.ts');
  await import('./tables.test.ts');
});
