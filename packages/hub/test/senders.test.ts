import { createHash } from 'node:crypto';
import { Hub, MemoryLog } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { senderOf, subjectOf } from '../src/access/tokens/sender.ts';
import { Listener } from './listener.ts';
import { startHub, type TestHub, type TestHubOptions } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

const BY_KEY = bearer('the-key-of-this-hub');
const OPTIONS: TestHubOptions = {
  key: 'the-key-of-this-hub',
  publicUrl: AUDIENCE,
  tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] },
};
const JOB = { 'idempotency-key': 'job-1' };

async function by(claims: object): Promise<{ authorization: string }> {
  return bearer(await makeToken({ listen: ['a'], publish: ['*'] }, { claims: { ...claims } }));
}

async function revoke(hub: TestHub, subject: string): Promise<void> {
  const reply = await hub.ask('POST', '/revocations', { headers: BY_KEY, body: JSON.stringify({ subject }) });
  if (reply.status !== 201) throw new Error(`${reply.status}: ${reply.text}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Names that subjects of tokens may have, and the hub has for others. */
const NAMES = ['ann', 'key', 'local', 'token x', 'x', 'a token without a subject', 'sub key', 'sub sub key', 'sub x'];

describe('the senders of a hub', () => {
  test('have a name each, whatever their tokens say', () => {
    const tokens = [
      ...NAMES.map((subject) => ({ subject, id: 'x' })),
      ...NAMES.map((id) => ({ subject: undefined, id })),
    ];
    const names = tokens.map((token) => senderOf({ issuer: ISSUER, ...token }, false));
    const all = new Set([
      ...names,
      'key',
      'local',
      senderOf({ issuer: ISSUER, subject: undefined, id: undefined }, false),
    ]);
    expect(all.size).toBe(names.length + 3);
    const subjects = NAMES.map((subject) => senderOf({ issuer: ISSUER, subject, id: undefined }, false));
    expect(subjects.map(subjectOf)).toEqual(NAMES);
    expect(subjects.slice(0, 2)).toEqual(['ann', 'sub key']);
  });

  test('have a name each, whoever issued their tokens', () => {
    const issuers = ['a', 'b', 'token', 'https://issuer.example'];
    const names = issuers.flatMap((issuer) =>
      [...NAMES, 'b#x', 'x of a', 'b#x of a'].flatMap((name) => [
        senderOf({ issuer, subject: name, id: undefined }, true),
        senderOf({ issuer, subject: undefined, id: name }, true),
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(['a#b', 'my issuer', 'a\t'])(
    'are not told apart with several issuers of which one is called %j',
    (issuer) => {
      const issuers = [ISSUER, issuer].map((name) => ({ issuer: name, keys: [{ secret: `${name} ${SECRET}` }] }));
      const make = (tokens: typeof issuers) => (): Hub =>
        new Hub({ log: new MemoryLog(), publicUrl: AUDIENCE, tokens: { issuers: tokens } });
      expect(make(issuers)).toThrow(/tokens.issuers.1.issuer is .*, but must be a text without # and white space/);
      expect(make(issuers.slice(1))).not.toThrow();
    },
  );
});

describe('a token whose subject is the name of the key', () => {
  test('gets neither its lease nor the answer of its publish', async () => {
    const hub = await startHub(OPTIONS);
    const token = await by({ sub: 'key' });
    const lease = (headers: object): Promise<number> =>
      hub.ask('PUT', '/topics/a?lease=30s', { headers: { ...headers, ...JOB } }).then(({ status }) => status);
    expect([await lease(BY_KEY), await lease(token), await lease(await by({ sub: undefined, jti: 'key' }))]).toEqual([
      200, 409, 409,
    ]);
    const id = await hub.publish('b', 'x', { ...BY_KEY, ...JOB });
    expect(await hub.publish('b', 'x', { ...token, ...JOB })).not.toBe(id);
    expect(await hub.publish('b', 'x', { ...BY_KEY, ...JOB })).toBe(id);
  });

  test('does not take its tickets, and is not told as it', async () => {
    const hub = await startHub({ ...OPTIONS, limits: { maxTicketsPerSubject: 1 } });
    const token = await by({ sub: 'key' });
    const ticket = (headers: { authorization: string }): Promise<number> =>
      hub.ask('POST', '/tickets?match=a', { headers }).then(({ status }) => status);
    expect([await ticket(token), await ticket(token), await ticket(BY_KEY)]).toEqual([201, 429, 201]);
    await Listener.open(hub.port, '/topics/a', token);
    const { text } = await hub.ask('GET', '/listeners?topic=a', { headers: BY_KEY });
    expect(JSON.parse(text)).toMatchObject({ listeners: [{ subject: 'sub key' }] });
  });

  test.each(['key', 'sub key'])('is revoked as %s, and the key is not', async (subject) => {
    const hub = await startHub(OPTIONS);
    const token = await by({ sub: 'key' });
    const lease = (topic: string, headers: object): Promise<number> =>
      hub.ask('PUT', `/topics/${topic}?lease=1h`, { headers: { ...headers } }).then(({ status }) => status);
    expect([await lease('b', BY_KEY), await lease('c', token)]).toEqual([200, 200]);
    await revoke(hub, subject);
    await expect.poll(async () => (await hub.log.topics.leases()).map(({ topic }) => topic)).toEqual(['b']);
    expect([await lease('c', token), (await hub.ask('GET', '/revocations', { headers: BY_KEY })).status]).toEqual([
      401, 200,
    ]);
    expect(
      (await hub.ask('DELETE', `/revocations?subject=${encodeURIComponent(subject)}`, { headers: BY_KEY })).status,
    ).toBe(204);
  });

  test.each(['sub local', 'sub key', 'sub token x', 'sub sub x', 'sub x'])(
    'is revoked by the subject %s as its token has it',
    async (sub) => {
      const hub = await startHub(OPTIONS);
      const [token, other] = [await by({ sub }), await by({ sub: 'x' })];
      const publish = (headers: object): Promise<number> =>
        hub.ask('POST', '/topics/b', { headers: { ...headers }, body: 'x' }).then(({ status }) => status);
      expect(await publish(token)).toBe(200);
      await revoke(hub, sub);
      await expect.poll(() => publish(token)).toBe(401);
      expect([await publish(other), await publish(BY_KEY)]).toEqual([200, 200]);
    },
  );

  test('stays revoked, and its leases are found, by what a hub has stored that named it as the key', async () => {
    const hub = await startHub(OPTIONS);
    const [at, subject, jti] = [Date.now(), digest('key'), digest('token-1')];
    const token = await by({ sub: 'key' });
    const holder = JSON.stringify({ issuedAt: at - 1000, subject, token: jti });
    await hub.log.topics.lease('c', 3_600_000, { holder });
    const stored = JSON.stringify({ subject: 'key', before: at, at });
    await hub.log.values.set(`revoked/subject/${subject}`, stored);
    await expect.poll(async () => (await hub.ask('POST', '/topics/b', { headers: token, body: 'x' })).status).toBe(401);
    await expect.poll(async () => (await hub.log.topics.leases()).length).toBe(0);
  });
});
