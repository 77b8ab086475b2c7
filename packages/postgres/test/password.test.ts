import { readFileSync, writeFileSync } from 'node:fs';
import { PostgresLog } from '@tidings/postgres';
import { describe, expect, test } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { LONG, serverOfFile } from './rig.ts';

const file = serverOfFile();

describe.skipIf(withoutPostgres)('a database that wants a password', () => {
  test.each(['scram-sha-256', 'md5', 'password'])(
    'is opened with one, and says that there is none: %s',
    async (method) => {
      const { server } = file;
      const [{ hba_file: rules }] = (await server.ask<{ hba_file: string }>('show hba_file')) as [{ hba_file: string }];
      const user = `asked_${method.replaceAll('-', '_')}`;
      const stored = method === 'md5' ? 'md5' : 'scram-sha-256';
      await server.ask(`set password_encryption = '${stored}'; create role ${user} login password 'hidden'`);
      await server.ask(`grant create on database postgres to ${user}`);
      writeFileSync(rules, `host all ${user} 127.0.0.1/32 ${method}\n${readFileSync(rules, 'utf8')}`);
      await server.ask('select pg_reload_conf()');
      const open = async (password: string): Promise<unknown> => {
        const log = await PostgresLog.open({
          url: server.url.replace('tidings@', `${user}${password}@`),
          schema: user,
        });
        await log.close();
        return 'opened';
      };
      const failed = (password: string): Promise<unknown> => open(password).catch((error: unknown) => error);
      await expect
        .poll(() => failed(':wrong'), LONG)
        .toMatchObject({
          code: 'ERR_STORE_UNFIT',
          message: expect.stringMatching(/^Cannot use the database: password authentication failed/) as string,
        });
      const message =
        'The database wants a password, and its URL has none: postgres://user:password@host/database has one';
      for (const none of ['', ':']) {
        expect(await failed(none)).toMatchObject({ name: 'PostgresError', code: 'ERR_INVALID_OPTION', message });
      }
      expect(await open(':hidden')).toBe('opened');
    },
  );
});
