import { PostgresLog } from '@tidings/postgres';
import { eventLogCases, type LogCapability } from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { PostgresServer, withoutPostgres } from '../../../test/postgres-server.ts';

let server: PostgresServer | undefined;
beforeAll(async () => {
  if (!withoutPostgres) server = await PostgresServer.start();
}, 60_000);
afterAll(() => server?.close());

// Some cases are hundreds of commits, one after the other, which take long on a machine that does much else.
describe.skipIf(withoutPostgres).concurrent('PostgresLog as an EventLog', { timeout: 240_000 }, () => {
  const own: LogCapability[] = [
    'time',
    'trim',
    'directory',
    'totals',
    'states',
    'values',
    'exact',
    'durable',
    'epochs',
    'cut',
  ];
  // Its own batches it hands over before their appends resolve, and it goes by the time as a log in this process does. It only asks further away.
  const asLocal = eventLogCases([...own, 'local']).filter(({ needs, name }) => {
    return needs.includes('local') && !/in their indexes|among very many|again and again/.test(name);
  });
  for (const { name, run } of [...eventLogCases(own), ...asLocal]) {
    test(name, () =>
      run(async (options) => {
        const schema = server!.schema();
        const settings = { retention: {}, ...options, url: server!.url, schema, onError: () => {} };
        let log = await PostgresLog.open(settings);
        const reopen = async (): Promise<PostgresLog> => {
          await log.close();
          log = await PostgresLog.open(settings);
          return log;
        };
        return {
          log,
          reopen,
          // As another server that was made from a copy says it.
          async beginEpoch() {
            await server!.ask(`update "${schema}".head set state = replace(state, '"started":"', '"started":"1')`);
            return await reopen();
          },
          async cut() {
            await server!.ask(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidings' and query like '%' || $1 || '%'`,
              [schema],
            );
          },
          dispose: () => log.close(),
        };
      }),
    );
  }
});
