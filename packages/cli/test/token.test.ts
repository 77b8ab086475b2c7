import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { run } from './command.ts';
import { HubProcess } from './hub-process.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const AUDIENCE = 'https://example.com/events/';
const BY_SECRET = { env: { TIDINGS_JWT_SECRET: SECRET } };

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-token-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'key.pem');
  writeFileSync(file, text);
  return file;
}

/** Files with the two halves of a key. */
function keyFiles(): { readonly signing: string; readonly checking: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    signing: fileOf(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    checking: fileOf(publicKey.export({ type: 'spki', format: 'pem' }).toString()),
  };
}

async function make(args: readonly string[], env: Record<string, string> = BY_SECRET.env): Promise<string> {
  const { code, stdout, stderr } = await run(['token', '--audience', AUDIENCE, ...args], { env });
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

test('a token is made, says what it allows, and lets its sender do that at a hub and no more', async () => {
  const args = [
    'token',
    '--subject',
    'web',
    '--publish',
    'a',
    '--listen-pattern',
    'orders/:id',
    '--presence',
    'orders/7',
    '--audience',
    AUDIENCE,
    '--id',
    'one',
  ];
  const { code, stdout, stderr } = await run(args, BY_SECRET);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(
      /^It lets web publish to a, listen to the topics of orders\/:id \(private events, too\) and see who listens to orders\/7, as far as it may listen to that itself until \d{4}-\S+Z\. Its id is one\n$/,
    ),
  ]);
  const hub = await HubProcess.start(
    { env: BY_SECRET.env },
    '--memory',
    '--public-url',
    AUDIENCE,
    '--anonymous',
    'listen',
  );
  const publish = (topic: string): Promise<{ code: number | null; stderr: string }> =>
    run(['publish', topic, 'x', '--hub', hub.url], { env: { TIDINGS_KEY: stdout.trim() } });
  expect((await publish('a')).code).toBe(0);
  const refused = await publish('b');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('The rights of web do not allow it to publish to "b"'),
  ]);
});

test('a token of a private key is taken by a hub that has the public one', async () => {
  const { signing, checking } = keyFiles();
  const token = await make(['--private-key', signing, '--issuer', 'me', '--publish', '*'], {});
  const options = [
    '--memory',
    '--public-url',
    AUDIENCE,
    '--jwt-key',
    checking,
    '--jwt-issuer',
    'me',
    '--jwt-algorithms',
    'ES256',
  ];
  const hub = await HubProcess.start(...options);
  const publish = (key: string): Promise<{ code: number | null; stderr: string }> =>
    run(['publish', 'a', 'x', '--hub', hub.url], { env: { TIDINGS_KEY: key } });
  expect((await publish(token)).code).toBe(0);
  const other = await make(['--private-key', signing, '--issuer', 'you', '--publish', '*'], {});
  expect((await publish(other)).stderr).toContain('The issuer of the token (iss) is "you"');
});

test('a token is explained in words, and why a hub would refuse it', async () => {
  const token = await make(['--subject', 'ops', '--publish', '*', '--admin', '--id', 'one']);
  const inspect = (args: readonly string[], env: Record<string, string> = {}): Promise<object> =>
    run(['token', 'inspect', ...args], { env });
  const said = expect.stringMatching(
    /^Subject +ops\nFor +https:\/\/example.com\/events\/\nId +one\nIssued +\S+Z\nExpires +\S+Z\nSigned +HS256\nAllows +to publish to all topics and administer the hub\n/,
  ) as string;
  expect(await inspect([token], BY_SECRET.env)).toMatchObject({ code: 0, stdout: said, stderr: '' });
  expect(await inspect([token])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Its signature was not checked'),
  });
  expect(await inspect([token, '--audience', 'x'], BY_SECRET.env)).toMatchObject({
    code: 1,
    stdout: said,
    stderr: 'tidings: a hub would refuse it: The token is not for this hub (aud): it has to be for x\n',
  });
  expect(await inspect([token], { TIDINGS_JWT_SECRET: `another ${SECRET}` })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The signature of the token is not of a key of its issuer'),
  });
  // What no key can make right.
  const [, claims] = token.split('.');
  const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${claims}.`;
  expect(await inspect([none])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The algorithm of the token (alg) is "none", which no hub takes'),
  });
  expect(await inspect(['abc'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'tidings: a hub would refuse it: What was sent as a token is no signed token (JWT)\n',
  });
  expect(await run(['token', 'inspect'], { input: `${token}\n` })).toMatchObject({ code: 0, stdout: said });
});

test('a token of either dialect of Mercure is explained, and why a hub with --mercure would refuse it', async () => {
  const detail = { type: 'https://mercure.rocks/authorization-detail', actions: ['publish', 'subscribe'] };
  const times = { iat: 1, exp: Math.floor(Date.now() / 1000) + 600 };
  const details = { ...times, authorization_details: [{ ...detail, topics: [{ match: 'a' }] }] };
  const own = { ...details, iss: 'me', aud: 'https://example.com/.well-known/mercure' };
  const old = { mercure: { publish: ['*'], subscribe: ['/books/{id}'] } };
  const said: unknown[] = [];
  for (const [typ, claims] of [
    ['at+jwt', own],
    ['at+jwt', { ...own, aud: AUDIENCE }],
    ['at+jwt', { ...own, exp: 1 }],
    ['JWT', old],
  ] as const) {
    const { code, stdout, stderr } = await run(['token', 'inspect', signed(typ, claims)], BY_SECRET);
    said.push([code, /Allows .*/.exec(stdout)?.[0], stderr || stdout.split('\n').at(-2)]);
  }
  const allows = 'Allows     to publish to a, subscribe to public updates and get private updates of a';
  const takes = 'A hub with this key and --mercure takes it';
  expect(said).toEqual([
    [0, allows, takes],
    [1, allows, expect.stringContaining('its URL, which ends in /.well-known/mercure')],
    [1, allows, expect.stringContaining('The token has expired (exp)')],
    [
      0,
      'Allows     to publish to all topics, subscribe to public updates and get private updates of /books/{id}',
      takes,
    ],
  ]);
});

/** A token that is signed with the secret. */
function signed(typ: string, claims: object): string {
  const parts = [{ alg: 'HS256', typ }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${parts.join('.')}.${createHmac('sha256', SECRET).update(parts.join('.')).digest('base64url')}`;
}

test('a key that can sign with other algorithms alone is refused with those', async () => {
  const { signing } = keyFiles();
  const args = ['token', '--listen', 'a', '--audience', 'x', '--private-key', signing, '--algorithm', 'ES384'];
  expect((await run(args)).stderr).toBe(
    'tidings: --algorithm is "ES384", but the key of --private-key can only sign with ES256\n',
  );
});

test.each([
  [['--listen', 'a'], { TIDINGS_JWT_SECRET: SECRET }, /a token has to say what it is for: give the URL of the hub/],
  [['--listen', 'a', '--audience', 'x'], {}, /a token has to be signed: set TIDINGS_JWT_SECRET/],
  [
    ['--audience', 'x'],
    { TIDINGS_JWT_SECRET: SECRET },
    /the token would allow nothing: use --publish, --listen or --admin/,
  ],
  [
    ['--listen', 'a', '--audience', 'x'],
    { TIDINGS_JWT_SECRET: 'short' },
    /TIDINGS_JWT_SECRET is 5 characters long, but must be 32 bytes or more/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--algorithm', 'none'],
    { TIDINGS_JWT_SECRET: SECRET },
    /--algorithm is "none", but must be/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--algorithm', 'ES256'],
    { TIDINGS_JWT_SECRET: SECRET },
    /--algorithm is "ES256", but a secret can only sign with HS256, HS384, HS512: give a key with --private-key/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--algorithm', 'HS512'],
    { TIDINGS_JWT_SECRET: SECRET },
    /--algorithm is HS512, which needs a secret of 64 bytes or more, and this one has 37: a hub would refuse the token/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--expires', '40000d'],
    { TIDINGS_JWT_SECRET: SECRET },
    /--expires is "40000d", but must be .*, from 1s to 36,?500/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--id', 'x'.repeat(513)],
    { TIDINGS_JWT_SECRET: SECRET },
    /--id is "x+", but must be a text of 1 to 512 characters/,
  ],
  [
    ['--listen', 'a', '--audience', 'x', '--private-key', '/nowhere'],
    {},
    /--private-key is "\/nowhere", which cannot be read/,
  ],
  [
    ['--listen-pattern', '(', '--audience', 'x'],
    { TIDINGS_JWT_SECRET: SECRET },
    /a hub would refuse it: The claim tidings of the token has a matcher in listen \(number 1\) that is not allowed/,
  ],
  [
    ['--listen', 'a', '--publish', 'a\nb', '--audience', 'x'],
    { TIDINGS_JWT_SECRET: SECRET },
    /a matcher in publish \(number 1\) that is not allowed/,
  ],
  [['make'], {}, /there is no command "make"/],
])('token %j is refused', async (args, env, why) => {
  const { code, stdout, stderr } = await run(['token', ...args], { env });
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(why)]);
});

test.each([
  [['--jwt-issuer', 'x'], /--jwt-issuer needs a key of tokens/],
  [['--jwt-key', '/nowhere'], /--jwt-key is "\/nowhere", which cannot be read/],
  [['--jwt-secret', SECRET], /use --public-url or --jwt-audience/],
  [['--jwks-url', 'http://keys.example/', '--public-url', AUDIENCE], /must be one of https/],
  [
    ['--jwt-secret', SECRET, '--public-url', AUDIENCE, '--jwt-algorithms', 'RS256'],
    /--jwt-secret has a key that cannot be used with RS256/,
  ],
  [['--clock-tolerance', '6m'], /--clock-tolerance is "6m", but must be/],
  [['--admin-key', 'short'], /--admin-key is 5 characters long/],
])('serve %j is refused', async (args, why) => {
  const { code, stderr } = await run(['serve', '--memory', '--port', '0', ...args]);
  expect([code, stderr]).toEqual([2, expect.stringMatching(why)]);
  expect(stderr).not.toContain(SECRET);
});

test('several keys are taken, and the one of who administers may do what they may not', async () => {
  const [one, two, admin] = ['the-first-key-of-it', 'the-second-key-of-it', 'the-key-of-the-admin'];
  const hub = await HubProcess.start('--memory', '--key', one, '--key', two, '--admin-key', admin);
  const tidings = (key: string, ...args: string[]): Promise<{ code: number | null; stderr: string }> =>
    run([...args, '--hub', hub.url], { env: { TIDINGS_KEY: key } });
  for (const key of [one, two, admin]) expect((await tidings(key, 'publish', 'a', 'x')).code).toBe(0);
  const refused = await tidings(one, 'topics', 'delete', 'a', '--yes');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('do not allow it to manage "a"')]);
  expect((await tidings(admin, 'topics', 'delete', 'a', '--yes')).code).toBe(0);
});
