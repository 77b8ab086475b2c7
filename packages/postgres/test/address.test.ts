import { PostgresLog } from '@tidings/postgres';
import { expect, test } from 'vitest';

test.each([
  'postgres://127.0.0.1/x',
  'postgresql://hub:p%23%2F%3F%40%25w@db.example:5432/x?schema=other',
  'postgres://hub:p@db/x?sslmode=verify-full&application_name=one%20hub&options=-c%20geqo%3Doff',
  'postgres://hub:p@ss@db/x',
  'postgres://hub@/x?host=/run/postgresql&port=5433',
  'postgres:///x',
  'postgres://db/x?statement_timeout=0&lock_timeout=2147483647&uselibpqcompat=true',
  'postgres://[::1]:5432/x',
  'postgres://[::1]/x',
  'postgres://%2Frun%2Fpostgresql/x',
])('the URL %s is taken', (url) => {
  expect(PostgresLog.checkUrl(url)).toBeUndefined();
});

test.each([
  ['postgres://hub:hidden#word@db/x', 'has a #: in a user name or a password it is written %23'],
  ['postgres://hub:5432#hidden@db/x', 'has a #: in a user name or a password it is written %23'],
  [
    'postgres://hub:hid%ZZden@db/x',
    'has a % that two hexadecimal digits of a character do not follow: a % itself is written %25',
  ],
  ['postgres://hub:hidden/word@db/x', 'has an @ behind its host: in a user name or a password / is written %2F'],
  ['postgres://hub:hidden?word@db/x', 'has a port that is no number; 1 to 65535 are allowed: in a password / is'],
  ['postgres://hub:5432?hidden@db/x', 'has a parameter with another name; allowed are schema, sslmode'],
  ['postgres://hub:hidden@db:99999/x', 'has the port 99999; 1 to 65535 are allowed'],
  ['postgres://hub:hidden@db:0/x', 'has the port 0; 1 to 65535 are allowed'],
  ['postgres://hub:hidden@db/x?port=70000', 'has the port "70000"; 1 to 65535 are allowed'],
  ['postgres://hub:hidden@one:1,two:2/x', 'has several hosts; one is allowed'],
  ['postgres://hub:hidden@d b/x', 'has a host that no host may have'],
  ['postgres://hub:hidden@db/x?shema=a', /has the parameter "shema"; allowed are .*; did you mean schema\?$/],
  ['postgres://hub:hidden@db/x?Schema=a', /has the parameter "Schema"; allowed are .*; did you mean schema\?$/],
  ['postgres://hub:hidden@db/x?connect_timeout=5', 'has the parameter "connect_timeout"; allowed are'],
  ['postgres://hub:hidden@db/x?sslmode=verifyfull', /has the sslmode "verifyfull"; .*; did you mean verify-full\?$/],
  [
    'postgres://hub:hidden@db/x?sslmode=verify-full&sslmode=disable',
    'has the parameter sslmode twice; once is allowed',
  ],
  ['postgres://hub:hidden@db/x?schema=a&schema=b', 'has the parameter schema twice; once is allowed'],
  ['postgres://hub:hidden@db/x?statement_timeout=5s', 'has the statement_timeout "5s"; 0 to 2147483647 milliseconds'],
  ['postgres://hub:hidden@db/x?lock_timeout=-1', 'has the lock_timeout "-1"; 0 to 2147483647 milliseconds are allowed'],
  ['postgres://hub:hidden@db/x?lock_timeout=2147483648', 'has the lock_timeout "2147483648"; 0 to 2147483647'],
  ['postgres://hub:hidden@db/x?uselibpqcompat=yes', 'has the uselibpqcompat "yes"; true and false are allowed'],
  ['postgres://hub:hidden@db/x?sslrootcert=no-such-file.pem', /cannot be used: ENOENT.*no-such-file\.pem/],
  ['hub:hidden@db', 'is of another form, but must begin with postgres://'],
])('the URL %s is refused, without what may be its password', async (url, message) => {
  const refused = {
    name: 'PostgresError',
    code: 'ERR_INVALID_OPTION',
    message: (typeof message === 'string'
      ? expect.stringContaining(message)
      : expect.stringMatching(message)) as string,
  };
  expect(() => PostgresLog.checkUrl(url)).toThrow(expect.objectContaining(refused) as Error);
  const opened = await PostgresLog.openUrl(url).catch((error: unknown) => error);
  expect(opened).toMatchObject(refused);
  expect((opened as Error).message).not.toMatch(/hid|ZZ|#w|@db/);
});

test('the schema of a URL is that of the option', () => {
  expect(() => PostgresLog.checkUrl('postgres://db/x?schema=AB')).toThrow(
    /^The option schema is "AB", but must be 1 to/,
  );
});
