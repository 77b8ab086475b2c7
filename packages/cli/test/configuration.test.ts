import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { serveCommand, serveSettings } from '../src/serve/command.ts';
import { configurationText, configure, namedByPlace } from '../src/serve/configuration.ts';
import { LIMIT_NAMES, limitOption } from '../src/serve/limits.ts';
import { check } from '../src/serve/serve.ts';
import { program } from '../../../test/program.ts';
import { run } from './command.ts';
import { HubProcess } from './hub-process.ts';

const KEY = 'a-key-of-the-hub-1';
const SECRETS = ['the first secret, of 32 bytes or more', 'the second secret, of 32 bytes or more'] as const;

function fileOf(text: string, name = 'hub.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The command `serve` as it is before it runs, in this process. */
async function configured(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Command> {
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const command = serveCommand();
  command.parseOptions(['--config', file, ...args]);
  await configure(command);
  return command;
}

async function printed(file: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<string> {
  return configurationText(await configured(file, args, env)).replaceAll(/ +#/g, ' #');
}

/** Why a configuration is refused. */
async function refusal(text: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<string> {
  let command = serveCommand();
  try {
    command = await configured(fileOf(text), args, env);
    await check(serveSettings(command));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_USAGE' });
    return (namedByPlace(command, error) as Error).message;
  }
  throw new Error('it was not refused');
}

const YAML = `
# a hub
memory: true
port: 0
key: [${KEY}, a-key-of-the-hub-2]
retain-age: 1d
metrics: true
retain:
  - logs/*=age:1h
`;

test('the command line counts before the environment, and that before the file, and all have the same names', async () => {
  expect(
    await printed(fileOf(YAML), ['--retain-events', '5'], {
      TIDINGS_RETAIN_AGE: '2d',
      TIDINGS_RETAIN_EVENTS: '7',
      TIDINGS_MAX_CONNECTIONS_PER_ADDRESS: '1000',
    }),
  ).toBe(
    `port: "0" # --config
host: "127.0.0.1" # default
memory: true # --config
key: ["********", "********"] # --config
anonymous: "none" # default
proxy-header: "x-forwarded" # default
metrics: true # --config
retain-age: "2d" # TIDINGS_RETAIN_AGE
retain-bytes: "128MiB" # default
retain-events: "5" # --retain-events
retain: ["logs/*=age:1h"] # --config
max-connections-per-address: "1000" # TIDINGS_MAX_CONNECTIONS_PER_ADDRESS
workers: "1" # default
`,
  );
});

test('what is printed can be given as a file, but for its secrets, and JSON can be as well', async () => {
  const first = await printed(fileOf(YAML));
  const again = await printed(fileOf(first.replaceAll('"********"', `"${KEY}"`)));
  expect(again.replaceAll(/ #.*/g, '')).toBe(first.replaceAll(/ #.*/g, ''));
  const json = JSON.stringify({
    memory: true,
    port: 0,
    key: [KEY, KEY],
    'retain-age': '1d',
    metrics: true,
    retain: 'logs/*=age:1h',
  });
  expect(await printed(fileOf(json, 'hub.json'))).toBe(first);
});

test('an empty file and an empty variable say nothing', async () => {
  const text = await printed(fileOf(''), [], { TIDINGS_PORT: '' });
  for (const line of ['port: "4000"', 'data: ".tidings"', 'retain-bytes: "1GiB"']) {
    expect(text).toContain(`${line} # default\n`);
  }
  expect(text).not.toContain('clock-tolerance');
  const env = { TIDINGS_JWT_SECRET: 's'.repeat(32), TIDINGS_JWT_ISSUER: 'me', TIDINGS_JWT_AUDIENCE: 'hub' };
  expect(await printed(fileOf(''), [], env)).toContain('clock-tolerance: "0s" # default\n');
});

test.each([
  ['portt: 1', {}, /hub\.yaml has "portt", which is no setting; allowed are port, host.*; did you mean port\?/],
  ['port: 1\nport: 2', {}, /cannot be read: it is no YAML without aliases \(duplicate key\), at line 2, column 1/],
  ['a: &a 1\nb: *a', {}, /cannot be read: |is no setting/],
  // A file that was named by mistake may be a secret.
  ['hush-hush-hush', {}, /^(?!.*hush).*has a text of 14 characters, but must have names with values/],
  ['hush: hush\n  hush: hush', {}, /^(?!.*hush).*cannot be read: it is no YAML/],
  ['limits: hush', {}, /^(?!.*hush).*is a text of 4 characters, but must have names with values/],
  [
    'public-url: https://ann:hush@hub.example/',
    {},
    /^(?!.*hush).*is 29 characters long, but must be .* without a user/,
  ],
  [
    'jwks-url: https://ann:hush@hub.example/jwks',
    {},
    /^(?!.*hush).*is 33 characters long, but must be .* without a user/,
  ],
  ['- port', {}, /has a list of 1 value, but must have names with values/],
  ['port: [1, 2]', {}, /port in \S+hub\.yaml is \[1,2\], but must be one value/],
  ['port: true', {}, /port in \S+ is true, but must be a text or a number/],
  ['port: 99999', {}, /port in \S+ is "99999", but must be a number from 0 to 65535/],
  ['memory: yes', {}, /memory in \S+ is "yes", but must be true or false/],
  ['retain: []', {}, /retain in \S+ is \[\], but must be one or more values/],
  ['retain: x=foo:1', {}, /retain in \S+ "x=foo:1" has "foo" where one of age, count, bytes, keep is allowed/],
  [
    'retain: { logs/*: age:1d }',
    {},
    /retain in \S+ is \{"logs\/\*":"age:1d"\}, but must be a text or a list of texts, such as \["pattern=bounds"\]/,
  ],
  ['key: short', {}, /key in \S+ is 5 characters long, but must be 16 or more/],
  ['key: {a: hush}', {}, /key in \S+ is of another kind, but must be a text or a list of texts, such as \["key"\]/],
  // As a number it would be 123456789012345 or 12345678901234567000, and nobody would get in with what is written.
  ['key: 0123456789012345', {}, /key in \S+hub\.yaml is a number, which .*, but must be a text: put it in quotes/],
  ['key: [1234567890123456]', {}, /key in \S+hub\.yaml is a number, which/],
  ['admin-key: 0x1234567890abcdef', {}, /admin-key in \S+hub\.yaml is a number, which/],
  ['jwt-issuer: 12345678901234567890', {}, /jwt-issuer in \S+hub\.yaml is a number, which/],
  ['', { TIDINGS_RETAIN_AGE: 'soon' }, /TIDINGS_RETAIN_AGE is "soon", but must be/],
  [
    'max-connections-per-address: 0',
    {},
    /max-connections-per-address in \S+ is "0", but must be a whole number from 1/,
  ],
  ['', { TIDINGS_METRICS: 'on' }, /TIDINGS_METRICS is "on", but must be true or false/],
  ['', { TIDINGS_MEMORY: '1' }, /TIDINGS_MEMORY is "1", but must be true or false/],
  ['', { TIDINGS_KEY: 'short' }, /TIDINGS_KEY is 5 characters long/],
  ['host: 0.0.0.0', {}, /without a key the hub listens on loopback addresses only/],
  ['jwt-issuer: me', {}, /jwt-issuer in \S+ needs a key of tokens/],
  ['public-url: http://127.0.0.1/topics/', {}, /--public-url is .* whose path begins with none|neither/],
])('%j with %j is refused, by its source, with what was found and what is allowed', async (text, env, why) => {
  const message = await refusal(text, [], env);
  expect(message).toMatch(why);
  expect(message).not.toContain('hush');
});

describe('limits', () => {
  test('are options, and in a file a group with the names and the units of the hub', async () => {
    const file = fileOf('limits: { maxListeners: 5, maxBytesPerSecond: 1000, maxBodyStallMs: 20000, maxStreams: 9 }');
    const args = ['--max-events-per-second', '7', '--max-event-bytes', '2MiB'];
    const command = await configured(file, args, { TIDINGS_KEEP_ALIVE: '5s', TIDINGS_MAX_LISTENERS: '6' });
    expect(serveSettings(command).limits).toEqual({
      hub: {
        limits: {
          maxListeners: 6,
          maxBytesPerSecond: 1000,
          maxBodyStallMs: 20_000,
          maxEventsPerSecond: 7,
          maxEventBytes: 2 * 2 ** 20,
        },
        keepAliveMs: 5000,
      },
      server: { maxStreams: 9 },
    });
    const lines = configurationText(command).split('\n');
    expect(lines.find((line) => line.startsWith('max-listeners:'))).toMatch(/^max-listeners: "6" +# TIDINGS_MAX_/);
    expect(lines.find((line) => line.startsWith('max-body-stall:'))).toMatch(/^max-body-stall: "20000ms" +# --config/);
  });

  test('are left to the hub if they are not given', async () => {
    expect(serveSettings(await configured(fileOf(''))).limits).toEqual({ hub: {}, server: {} });
  });

  test('are taken by the hub without a bound, too', async () => {
    const unbounded = ['--max-listeners', 'none', '--max-bytes-per-second', 'none', '--keep-alive', 'none'];
    const { limits } = serveSettings(await configured(fileOf(''), unbounded));
    expect(limits.hub).toEqual({ limits: { maxListeners: Infinity, maxBytesPerSecond: Infinity }, keepAliveMs: 0 });
  });

  test('have each an option and a variable, those that few need without a line in the help', () => {
    const { options } = serveCommand();
    const found = LIMIT_NAMES.map((name) => options.find((option) => option.name() === limitOption(name)));
    expect(found.map((option) => option?.hidden === false && option.name()).filter(Boolean)).toEqual([
      'max-listeners',
      'max-listeners-per-address',
      'max-events-per-second',
      'max-bytes-per-second',
      'max-event-bytes',
      'keep-alive',
      'max-connections-per-address',
    ]);
    expect(found).not.toContain(undefined);
  });

  test.each([
    ['limits: 5', [], /^limits in \S+hub\.yaml is a value of the type number, but must have names with values/],
    [
      'limits: { maxListener: 5 }',
      [],
      /^limits in \S+ has "maxListener", which is no setting; allowed are maxListeners, .*; did you mean maxListeners\?/,
    ],
    [
      'limits: { maxListeners: 0 }',
      [],
      /^limits\.maxListeners in \S+ is "0", but must be a whole number from 1, or "none"/,
    ],
    [
      'limits: { maxBodyStallMs: soon }',
      [],
      /^limits\.maxBodyStallMs in \S+ is "soon", but must be a number with a unit/,
    ],
    ['limits: { maxListeners: [1] }', [], /^limits\.maxListeners in \S+ is \[1\], but must be one value/],
    [
      'limits: { maxStreams: none }',
      [],
      /^limits\.maxStreams in \S+ is "none", but must be a whole number from 1 to 2147483647/,
    ],
    [
      'max-streams: 1\nlimits: { maxStreams: 1 }',
      [],
      /^limits\.maxStreams in \S+ means the same as max-streams in \S+hub\.yaml: leave one/,
    ],
  ])('%s is refused', async (text, args, why) => {
    expect(await refusal(text, args)).toMatch(why);
  });

  test('on the command line are refused by the name of their option', async () => {
    await expect(configured(fileOf(''), ['--max-bytes-per-second', '9'])).rejects.toThrow(
      '--max-bytes-per-second is "9", but must be a number with the unit B, kB',
    );
  });
});

const ISSUERS = `
public-url: https://example.com/
issuers:
  - issuer: first
    keys: [{ secret: '${SECRETS[0]}' }]
    algorithms: HS256
  - issuer: second
    audience: [here, there]
    keys: [{ secret: '${SECRETS[1]}' }, { url: 'https://example.com/keys' }]
`;

describe('issuers', () => {
  test('are those of the hub, and their secrets are not printed', async () => {
    const command = await configured(fileOf(ISSUERS), ['--clock-tolerance', '10s']);
    expect(serveSettings(command).access.tokens).toEqual({
      clockToleranceMs: 10_000,
      issuers: [
        { issuer: 'first', keys: [{ secret: SECRETS[0] }], algorithms: ['HS256'] },
        {
          issuer: 'second',
          audience: ['here', 'there'],
          keys: [{ secret: SECRETS[1] }, { url: 'https://example.com/keys' }],
        },
      ],
    });
    const text = configurationText(command);
    expect(text).not.toContain('secret, of 32');
    const [, line = ''] = /^issuers: (.*?) +# --config$/m.exec(text) ?? [];
    expect(JSON.parse(line)).toMatchObject([{ issuer: 'first', keys: [{ secret: '********' }] }, { issuer: 'second' }]);
  });

  test('have keys in files', async () => {
    const jwk = fileOf(JSON.stringify({ kty: 'oct', k: Buffer.alloc(32).toString('base64url') }), 'key.json');
    const command = await configured(fileOf(`issuers: [{ audience: a, keys: [{ file: '${jwk}' }] }]`));
    expect(serveSettings(command).access.tokens?.issuers[0]?.keys).toEqual([
      { text: expect.stringContaining('"kty":"oct"') },
    ]);
  });

  test.each([
    ['issuers: {}', /^issuers in \S+hub\.yaml is an object, but must be a list of one or more issuers/],
    ['issuers: []', /^issuers in \S+ is empty, but must be a list/],
    ['issuers: [hush]', /^issuers\[0\] in \S+ is a text, but must have any of issuer, audience, algorithms, keys/],
    [
      'issuers: [{ isuer: a }]',
      /^issuers\[0\] in \S+ has "isuer", which is no setting; allowed are .*; did you mean issuer\?/,
    ],
    ['issuers: [{ issuer: a }]', /^issuers\[0\]\.keys in \S+ is missing, but must be a list of one or more keys/],
    ['issuers: [{ issuer: 5, keys: [{ url: "https://a" }] }]', /^issuers\[0\]\.issuer in \S+ is a number, but must be/],
    [
      'issuers: [{ keys: [{}] }]',
      /^issuers\[0\]\.keys\[0\] in \S+ has nothing, but must have one of secret, text, url/,
    ],
    [
      'issuers: [{ keys: [{ url: a, file: b }] }]',
      /^issuers\[0\]\.keys\[0\] in \S+ has url and file, but must have one/,
    ],
    [
      'issuers: [{ keys: [{ secret: hush }] }]',
      /^issuers\[0\]\.keys\[0\]\.secret in \S+ is 4 characters long, but must be 32/,
    ],
    [
      'issuers: [{ keys: [{ secret: [hush] }] }]',
      /^issuers\[0\]\.keys\[0\]\.secret in \S+ is a list, but must be 32 bytes/,
    ],
    [
      'issuers: [{ keys: [{ url: ftp://a }] }]',
      /^issuers\[0\]\.keys\[0\]\.url in \S+ is "ftp:\/\/a", but must be an absolute/,
    ],
    [
      'issuers: [{ keys: [{ file: /nope }] }]',
      /^issuers\[0\]\.keys\[0\]\.file in \S+ is "\/nope", which cannot be read/,
    ],
    [
      `issuers: [{ algorithms: [none], keys: [{ secret: '${SECRETS[0]}' }] }]`,
      /^issuers\[0\]\.algorithms in \S+ is "none", but must be the name of an algorithm/,
    ],
    [
      `issuers: [{ algorithms: [], keys: [{ secret: '${SECRETS[0]}' }] }]`,
      /^issuers\[0\]\.algorithms in \S+ is empty, but must be one or more values/,
    ],
    [
      `issuers: [{ keys: [{ secret: '${SECRETS[0]}' }] }, { issuer: b, keys: [{ secret: '${SECRETS[1]}' }] }]`,
      /^issuers\[0\] in \S+ has no issuer, but each of several must have one/,
    ],
    [
      `issuers: [{ issuer: b, keys: [{ secret: '${SECRETS[0]}' }] }, { issuer: b, keys: [{ secret: '${SECRETS[1]}' }] }]`,
      /^issuers\[1\]\.issuer in \S+ is "b", but must be another one than those before it/,
    ],
    [
      `jwt-secret: ${KEY}${KEY}\n${ISSUERS}`,
      /^jwt-secret in \S+ is for one issuer of tokens, and cannot be used with the issuers/,
    ],
    [
      ISSUERS.replace('public-url: https://example.com/', ''),
      /nothing says what that is: use --public-url, or give each of the issuers in \S+ an audience \(issuers\[0\] in/,
    ],
    [
      ISSUERS.replace('HS256', 'RS256'),
      /issuers\[0\]\.keys\[0\]\.secret in \S+ has a key that cannot be used with RS256$/,
    ],
  ])('%s is refused', async (text, why) => {
    const message = await refusal(text);
    expect(message).toMatch(why);
    expect(message).not.toMatch(/hush|secret, of 32/);
  });
});

test('a mistake that only the hub finds is told by the place where it was made', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { publicKey: weak } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const [good, bad] = [publicKey, weak].map((key) =>
    fileOf(key.export({ type: 'spki', format: 'pem' }).toString(), 'key.pem'),
  );
  const url = 'public-url: https://example.com/\n';
  const why = 'has an RSA key of 1024 bits, but 2048 are the least';
  expect(await refusal(url, ['--jwt-key', good!, '--jwt-key', bad!])).toBe(
    `cannot start the hub: --jwt-key ${JSON.stringify(bad)} ${why}`,
  );
  expect(await refusal(url, [], { TIDINGS_JWT_KEY: bad! })).toBe(
    `cannot start the hub: TIDINGS_JWT_KEY ${JSON.stringify(bad)} ${why}`,
  );
  vi.unstubAllEnvs();
  expect(await refusal(`${url}jwt-key: ${bad}\n`)).toMatch(/: jwt-key in \S+hub\.yaml "\S+key\.pem" has an RSA key/);
  expect(await refusal(`${url}issuers: [{ keys: [{ file: ${good} }, { file: ${bad} }] }]`)).toMatch(
    /: issuers\[0\]\.keys\[1\]\.file in \S+hub\.yaml \("\S+key\.pem"\) has an RSA key/,
  );
  expect(await refusal(`key: ${KEY}`, ['--trusted-proxies', 'foo'])).toMatch(/: --trusted-proxies has "foo"; allowed/);
  expect(await refusal(`key: ${KEY}\ntrusted-proxies: foo`)).toMatch(/: trusted-proxies in \S+ has "foo"; allowed are/);
  expect(await refusal('', [], { TIDINGS_JWT_ALGORITHMS: 'RS256' })).toBe(
    'TIDINGS_JWT_ALGORITHMS needs a key of tokens: --jwt-key, --jwks-url or TIDINGS_JWT_SECRET',
  );
});

describe('a hub for clients of Mercure', () => {
  test('takes its key, issuer, audience, public URL and who is anonymous as options', async () => {
    const args = '--mercure --anonymous listen --public-url https://localhost/ --jwt-issuer https://localhost';
    const more = '--mercure-dialect new --mercure-publish-origin https://app.example --mercure-max-connection 10m';
    const command = await configured(fileOf(''), `${args} ${more}`.split(' '), {
      TIDINGS_JWT_SECRET: '!ChangeThisMercureHubJWTSecretKey!',
      TIDINGS_JWT_AUDIENCE: 'https://localhost/.well-known/mercure',
    });
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => void vi.restoreAllMocks());
    const settings = serveSettings(command);
    await check(settings);
    expect(settings.mercure).toEqual({
      subscriptions: false,
      dialects: ['new'],
      publishOrigins: ['https://app.example'],
      maxConnectionMs: 600_000,
    });
  });

  test('may have a secret for publishers and another one for subscribers, as the page on moving from Mercure says', async () => {
    const command = await configured(fileOf(program('docs/from-mercure.md', 'yaml', 'publishers')));
    const settings = serveSettings(command);
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => void vi.restoreAllMocks());
    await check(settings);
    expect(settings.access.tokens?.issuers.map(({ keys }) => keys.length)).toEqual([2]);
  });

  test.each([
    ['--mercure-subscriptions'],
    ['--mercure-publish-origin', 'https://app.example'],
    ['--mercure-max-connection', '10m'],
  ])('has to be asked for: %s', async (...args) => {
    expect(await refusal('', args)).toBe(`${args[0]} needs --mercure`);
  });
});

/** A token that is signed with a secret (HS256). */
function tokenOf(issuer: string, audience: string, secret: string): string {
  const times = { iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600 };
  const claims = { iss: issuer, sub: 'same', aud: audience, ...times };
  const parts = [
    { alg: 'HS256', typ: 'at+jwt' },
    { ...claims, tidings: { publish: ['*'] } },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const signed = parts.join('.');
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

test('a configuration is checked without a hub, and a hub runs with it', async () => {
  const issuers = ISSUERS.replace(", { url: 'https://example.com/keys' }", '');
  const file = fileOf(`${YAML}${issuers}limits: { maxEventsPerSecond: 1, maxBytesPerSecond: none }\n`);
  expect(await run(['serve', '--config', file, '--check'])).toEqual({
    code: 0,
    stdout: 'The configuration can be used\n',
    stderr: '',
  });
  const { url } = await HubProcess.start('--config', file, '--memory');
  const publish = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(new URL('topics/a', url), { method: 'POST', body: 'x', headers })).status;
  };
  expect(await publish('a-key-of-the-hub-2')).toBe(200);
  // Each issuer has subjects of its own, who may publish one event a second, and a second one before they wait.
  const tokens = [tokenOf('first', 'https://example.com/', SECRETS[0]), tokenOf('second', 'there', SECRETS[1])];
  for (const token of tokens) expect(await publish(token)).toBe(200);
  expect(await publish(tokenOf('second', 'there', SECRETS[0]))).toBe(401);
  const body = Array.from({ length: 600 }, (_, index) => JSON.stringify({ topic: `t${index}`, data: '' })).join('\n');
  const lines = { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/x-ndjson' };
  expect((await fetch(new URL('topics', url), { method: 'POST', body, headers: lines })).status).toBe(200);
  expect(await publish(tokens[0]!)).toBe(429);
  expect(await publish(tokens[1]!)).toBe(200);
  const metrics = await fetch(new URL('metrics', url), { headers: { authorization: 'Bearer a-key-of-the-hub-2' } });
  expect(await metrics.text()).toContain('tidings_publishes_total{outcome="published"} 5\n');
});

test('a list with commas may be one of the file', async () => {
  const lines = async (text: string): Promise<readonly string[]> =>
    (await printed(fileOf(text))).split('\n').filter((line) => line.endsWith('# --config'));
  expect(await lines('trusted-proxies: [loopback, 10.0.0.0/8]\njwt-algorithms: [RS256, ES256]')).toEqual([
    'jwt-algorithms: "RS256,ES256" # --config',
    'trusted-proxies: "loopback,10.0.0.0/8" # --config',
  ]);
  expect(await refusal('trusted-proxies: [a, true]')).toContain('a text or a list of texts');
  expect(await refusal('trusted-proxies: []')).toContain('one or more values');
});

test('the query of a URL, which may have a key of the server there, is not printed', async () => {
  const url = 'https://issuer.example/jwks?code=hush';
  const text = await printed(fileOf(`jwks-url: ${url}`));
  expect(text).toContain('jwks-url: ["https://issuer.example/jwks?********"]');
  const issuers = await printed(fileOf(`issuers: [{ issuer: a, keys: [{ url: '${url}' }] }]`));
  expect(issuers).toContain('{"url":"https://issuer.example/jwks?********"}');
  expect(text + issuers).not.toContain('hush');
});

test('a variable names the file, too, and --config counts before it', async () => {
  const env = { TIDINGS_CONFIG: fileOf('port: 5001') };
  const ports = async (args: readonly string[], more: Record<string, string> = {}): Promise<string | undefined> => {
    const { stdout, stderr } = await run(['serve', ...args, '--print-config'], { env: { ...env, ...more } });
    return /^port: \S+/m.exec(stdout)?.[0].replaceAll('"', '') ?? stderr;
  };
  expect(await ports([])).toBe('port: 5001');
  expect(await ports([], { TIDINGS_PORT: '5002' })).toBe('port: 5002');
  expect(await ports(['--config', fileOf('port: 5003')])).toBe('port: 5003');
  expect(await ports([], { TIDINGS_CONFIG: 'missing.yaml' })).toMatch(
    /^tidings: TIDINGS_CONFIG is "missing.yaml", which cannot be read/,
  );
});

test('a misspelled variable is refused with the nearest name, and one that may be meant for others is told', async () => {
  const checked = async (env: Record<string, string>): Promise<readonly [number | null, string]> => {
    const { code, stderr } = await run(['serve', '--memory', '--check'], { env });
    return [code, stderr];
  };
  const found = (name: string): string => `tidings: The environment has ${name}, which is no option of "tidings serve"`;
  for (const [name, meant] of [
    ['TIDINGS_MAX_LISTENER_PER_ADDRESS', 'TIDINGS_MAX_LISTENERS_PER_ADDRESS'],
    ['TIDINGS_PUBLIC_URLS', 'TIDINGS_PUBLIC_URL'],
    ['TIDINGS_CONFG', 'TIDINGS_CONFIG'],
  ] as const) {
    expect(await checked({ [name]: '3' })).toEqual([
      2,
      `${found(name)}: did you mean ${meant}? Rename it, or take it out\n`,
    ]);
  }
  // Those of the other commands, and one that a shell has left empty.
  const others = { TIDINGS_HUB: 'http://localhost:4000/', TIDINGS_SEED: '1', TIDINGS_MAX_LISTENER: '' };
  expect(await checked({ ...others, TIDINGS_SERVICE_HOST: '10.0.0.1' })).toEqual([
    0,
    `${found('TIDINGS_SERVICE_HOST')} and is ignored\n`,
  ]);
});
