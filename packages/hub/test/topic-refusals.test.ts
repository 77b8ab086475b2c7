import { expect, test } from 'vitest';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';

const detailOf = ({ text }: Reply): string => (JSON.parse(text) as { detail: string }).detail;

/** A hub with a topic that is closed, one that is leased and one that is open. */
async function hubWithTopics(): Promise<{ hub: TestHub; until: string }> {
  const hub = await startHub();
  await hub.publish('closed?close', 'bye');
  await hub.publish('open', '1');
  const { text } = await hub.ask('PUT', '/topics/leased?lease=60s');
  return { hub, until: (JSON.parse(text) as { until: string }).until };
}

const WRONG = { 'tidings-lease': 'f'.repeat(32) };
const ANEW = 'give the token that its lease was answered, or wait until the topic is not leased and lease it anew';
const CLOSED = 'is closed: it can still be read; use another topic, or delete this one, if you may manage it';
const EXISTS = 'choose another name, or set its options without this condition';

test.each([
  ['POST', 'closed', {}, 'topic-closed', `Cannot append: the topic "closed" ${CLOSED}`],
  ['PUT', 'closed?lease=5s', {}, 'topic-closed', `Cannot lease: the topic "closed" ${CLOSED}`],
  [
    'PUT',
    'open',
    { 'if-none-match': '*' },
    'topic-exists',
    `Cannot create the topic "open": it exists already, and is open; ${EXISTS}`,
  ],
  [
    'PUT',
    'closed',
    { 'if-none-match': '*' },
    'topic-exists',
    `Cannot create the topic "closed": it exists already, and is closed; ${EXISTS}`,
  ],
  [
    'POST',
    'leased',
    {},
    'lease-lost',
    'Cannot append: the topic "leased" is leased, and its lease was not given: give its token in the header field Tidings-Lease, as lease of a line or of an event of a Publisher, or in the option leases of a program',
  ],
  [
    'POST',
    'leased',
    WRONG,
    'lease-lost',
    `Cannot append: the topic "leased" is leased, and what was given is not, or no longer, its lease: ${ANEW}`,
  ],
  [
    'POST',
    'open',
    WRONG,
    'lease-lost',
    'Cannot append: the topic "open" is not leased, or no longer, but a lease was given: leave it out, or lease the topic anew',
  ],
  [
    'PUT',
    'leased?lease=5s',
    WRONG,
    'lease-lost',
    `Cannot renew: the topic "leased" is not, or no longer, leased with this token: ${ANEW}`,
  ],
  [
    'DELETE',
    'open?lease',
    WRONG,
    'lease-lost',
    `Cannot release: the topic "open" is not, or no longer, leased with this token: ${ANEW}`,
  ],
  [
    'DELETE',
    'closed?lease',
    WRONG,
    'lease-lost',
    'Cannot release: the topic "closed" is closed, and its lease has ended with that: there is nothing to give back',
  ],
  [
    'PUT',
    'leased?lease=5s',
    {},
    'leased',
    'Cannot lease the topic "leased": it is leased until UNTIL, unless that is renewed: wait, or give the token of the lease to renew it',
  ],
])('%s %s with %o is refused with what was found and what can be done', async (method, path, headers, name, detail) => {
  const { hub, until } = await hubWithTopics();
  const reply = await hub.ask(method, `/topics/${path}`, { headers });
  expect([problemOf(reply), detailOf(reply)]).toEqual([name, detail.replace('UNTIL', until)]);
});

test('a line that the log refuses is named, and a lease that was given for another topic is not taken for its own', async () => {
  const { hub } = await hubWithTopics();
  const lease = async (topic: string): Promise<string> =>
    (JSON.parse((await hub.ask('PUT', `/topics/${topic}?lease=60s`)).text) as { lease: string }).lease;
  const [one] = [await lease('one'), await lease('two')];
  const refused = async (...lines: object[]): Promise<string> => {
    const body = lines.map((line) => `${JSON.stringify({ data: 'x', ...line })}\n`).join('');
    return detailOf(await hub.ask('POST', '/topics', { headers: { 'content-type': 'application/x-ndjson' }, body }));
  };
  const needed = 'is leased, and its lease was not given: give its token in the header field';
  expect(await refused({ topic: 'open' }, { topic: 'closed' })).toBe(
    `Line 2: Cannot append: the topic "closed" ${CLOSED}`,
  );
  expect(await refused({ topic: 'end', close: true }, { topic: 'open' }, { topic: 'end' })).toMatch(
    /^Line 3: .*"end" is/,
  );
  expect(await refused({ topic: 'one', lease: one }, { topic: 'two' })).toContain(
    `Line 2: Cannot append: the topic "two" ${needed}`,
  );
  expect(await refused({ topic: 'one', lease: 'f'.repeat(32) })).toBe(
    `Line 1: Cannot append: the topic "one" is leased, and what was given is not, or no longer, its lease: ${ANEW}`,
  );
});

test('a condition that does not hold is refused with what was found and what can be done', async () => {
  const { hub } = await hubWithTopics();
  const found = async (condition: object): Promise<string> => {
    const events = [{ topics: ['open'], fields: { data: '2' } }];
    const conditions = [{ topic: 'open', ...condition }];
    return await hub.log.append(events, { conditions }).then(
      () => 'appended',
      (error: unknown) => (error as Error).message,
    );
  };
  const advice = 'ask for its status, and append with a condition that holds';
  expect(await found({ state: 'unknown' })).toBe(
    `Cannot append: the topic "open" is open, and was to be unknown: ${advice}`,
  );
  expect(await found({ lastSeq: 0 })).toBe(
    `Cannot append: the topic "open" has 2 as its newest event, and was to have none: ${advice}`,
  );
  expect(await found({ state: 'open', lastSeq: 2 })).toBe('appended');
});

test('a sender without the key is told for what it needs it', async () => {
  const hub = await startHub({ key: 'a-key-of-this-hub', anonymous: 'none' });
  const needed = async (method: string, path: string, headers = {}): Promise<string | undefined> =>
    / needs it to (.*): send Authorization/.exec(detailOf(await hub.ask(method, path, { headers })))?.[1];
  expect(await needed('GET', '/topics')).toBe('list the topics');
  expect(await needed('GET', '/topics?prefix=')).toBe('list the topics');
  expect(await needed('POST', '/topics', { 'content-type': 'application/x-ndjson' })).toBe('publish');
  expect(await needed('POST', '/topics/a')).toBe('publish to "a"');
});
