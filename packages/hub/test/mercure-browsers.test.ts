import { createHmac } from 'node:crypto';
import { access, health, mercure, page as pageFace, topics } from '@tidings/hub';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BROWSERS, isMissing, startBrowser } from '../../../test/browser.ts';
import { ask, startHub, type Reply, type TestHub } from './test-hub.ts';

const ROOT = '/.well-known/mercure';
const KEY = '!ChangeThisMercureHubJWTSecretKey!';
const ISSUER = 'https://localhost';
const AUDIENCE = 'https://localhost/.well-known/mercure';

/** A fixed token of the publisher, without sub, jti and iat. */
function fixedToken(header: object, claims: object): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  const signed = `${part({ alg: 'HS256', ...header })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
}

const DETAIL = {
  type: 'https://mercure.rocks/authorization-detail',
  actions: ['publish'],
  topics: [{ match: '*' }],
};
const TOKENS = {
  new: fixedToken(
    { typ: 'at+jwt' },
    { iss: ISSUER, aud: AUDIENCE, exp: 4_102_444_800, authorization_details: [DETAIL] },
  ),
  old: fixedToken({ typ: 'JWT' }, { mercure: { publish: ['*'] } }),
};

const startConformanceHub = (): Promise<TestHub> =>
  startHub({
    publicUrl: 'https://localhost/',
    anonymous: 'listen',
    tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: KEY }], audience: AUDIENCE }] },
    faces: [mercure(), topics(), health(), access(), pageFace('<!doctype html><title>Conformance</title>')],
  });

type Pairs = readonly (readonly [string, string])[];

interface Case {
  readonly title: string;
  readonly dialect: 'new' | 'old';
  readonly matchers: Pairs;
  readonly topics: readonly string[];
  readonly isPrivate?: boolean;
  readonly isReceived: boolean;
}

const URI = 'https://example.com/books/1';
const PATTERN = 'https://example.com/books/:id';
const TEMPLATE = 'https://example.com/books/{id}';

const CASES: readonly Case[] = [
  { title: 'a raw string', dialect: 'new', matchers: [['match', 'string']], topics: ['string'], isReceived: true },
  {
    title: 'one of several matchers',
    dialect: 'new',
    matchers: [
      ['match', 'other'],
      ['match_urlpattern', PATTERN],
      ['match_exact', 'string'],
    ],
    topics: ['string'],
    isReceived: true,
  },
  { title: 'a URI', dialect: 'new', matchers: [['match', URI]], topics: [URI], isReceived: true },
  {
    title: 'a URL pattern',
    dialect: 'new',
    matchers: [['match_urlpattern', PATTERN]],
    topics: [URI],
    isReceived: true,
  },
  { title: 'a raw string', dialect: 'old', matchers: [['topic', 'string']], topics: ['string'], isReceived: true },
  {
    title: 'one of several matchers',
    dialect: 'old',
    matchers: [
      ['topic', 'other'],
      ['topic', 'string'],
    ],
    topics: ['string'],
    isReceived: true,
  },
  { title: 'a URI', dialect: 'old', matchers: [['topic', URI]], topics: [URI], isReceived: true },
  { title: 'a URI template', dialect: 'old', matchers: [['topic', TEMPLATE]], topics: [URI], isReceived: true },
  {
    title: 'one of several topics',
    dialect: 'old',
    matchers: [['topic', URI]],
    topics: ['string', URI, 'other'],
    isReceived: true,
  },
  {
    title: 'another raw string',
    dialect: 'new',
    matchers: [['match', 'will-not-match']],
    topics: ['string'],
    isReceived: false,
  },
  {
    title: 'another URI',
    dialect: 'new',
    matchers: [['match', 'https://example.com/other']],
    topics: [URI],
    isReceived: false,
  },
  {
    title: 'another URL pattern',
    dialect: 'new',
    matchers: [['match_urlpattern', 'https://example.com/films/:id']],
    topics: [URI],
    isReceived: false,
  },
  {
    title: 'another raw string',
    dialect: 'old',
    matchers: [['topic', 'will-not-match']],
    topics: ['string'],
    isReceived: false,
  },
  {
    title: 'another URI template',
    dialect: 'old',
    matchers: [['topic', 'https://example.com/films/{id}']],
    topics: [URI],
    isReceived: false,
  },
  {
    title: 'a private raw string',
    dialect: 'new',
    matchers: [['match', 'string']],
    topics: ['string'],
    isPrivate: true,
    isReceived: false,
  },
  {
    title: 'a private URI',
    dialect: 'new',
    matchers: [['match', URI]],
    topics: [URI],
    isPrivate: true,
    isReceived: false,
  },
  {
    title: 'a private URL pattern',
    dialect: 'new',
    matchers: [['match_urlpattern', PATTERN]],
    topics: [URI],
    isPrivate: true,
    isReceived: false,
  },
  {
    title: 'a private URI template',
    dialect: 'old',
    matchers: [['topic', TEMPLATE]],
    topics: [URI],
    isPrivate: true,
    isReceived: false,
  },
];

const ID = 'id-["x"]';

function post(hub: TestHub, dialect: Case['dialect'], fields: Pairs): Promise<Reply> {
  return ask(hub.port, 'POST', ROOT, {
    headers: { authorization: `Bearer ${TOKENS[dialect]}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields.map(([name, value]) => [name, value])).toString(),
  });
}

/** Opens an EventSource in the page. Resolves when it is open. */
async function listen(page: Page, url: string): Promise<void> {
  await page.evaluate(
    `new Promise((resolve, reject) => {
      window.received = [];
      window.source = new EventSource(${JSON.stringify(url)});
      source.onmessage = ({ data, lastEventId }) => received.push({ data, lastEventId });
      source.onopen = () => resolve();
      source.onerror = () => reject(new Error('The EventSource could not connect'));
    })`,
  );
}

describe.each(BROWSERS)('the page of a hub, in %s', { timeout: 60_000 }, (name) => {
  let browser: Browser | undefined;
  let page: Page;

  beforeAll(async () => {
    if (isMissing(name)) return;
    browser = await startBrowser(name);
    // One for all tests: a new page takes more of the machine than they do, and each hub is another origin.
    page = await browser.newPage();
  });

  afterAll(async () => {
    await browser?.close();
  });

  async function openPage(hub: TestHub): Promise<void> {
    onTestFinished(() => page.evaluate('source.close()') as Promise<void>);
    await page.goto(`${hub.url}/`);
  }

  test
    .skipIf(isMissing(name))
    .each(
      CASES.map((each) => [each.isReceived ? 'receives' : 'does not receive', each.title, each.dialect, each] as const),
    )(
    '%s %s, in the %s dialect',
    async (_verb, _title, dialect, { matchers, topics: named, isPrivate = false, isReceived }) => {
      const hub = await startConformanceHub();
      await openPage(hub);
      const last = dialect === 'new' ? 'match' : 'topic';
      const query = new URLSearchParams([...matchers, [last, 'last'] as const].map(([key, value]) => [key, value]));
      await listen(page, `${ROOT}?${query.toString()}`);
      const reply = await post(hub, dialect, [
        ...named.map((topic) => ['topic', topic] as const),
        ['data', 'hello'],
        ['id', ID],
        ...(isPrivate ? [['private', 'on'] as const] : []),
      ]);
      expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([200, 'text/plain; charset=utf-8', ID]);
      await post(hub, dialect, [
        ['topic', 'last'],
        ['data', 'last'],
        ['id', 'last'],
      ]);
      await page.waitForFunction(`received.some(({ data }) => data === 'last')`, { polling: 50 });
      expect(await page.evaluate('received')).toEqual([
        ...(isReceived ? [{ data: 'hello', lastEventId: ID }] : []),
        { data: 'last', lastEventId: 'last' },
      ]);
    },
  );

  test.skipIf(isMissing(name))('comes back with the id that the hub gave, and loses nothing', async () => {
    const hub = await startConformanceHub();
    await openPage(hub);
    await listen(page, `${ROOT}?match=a`);
    await post(hub, 'new', [
      ['topic', 'a'],
      ['data', 'one'],
      ['retry', '1'],
    ]);
    await page.waitForFunction('received.length === 1', { polling: 50 });
    hub.hub.kick(() => true);
    await post(hub, 'new', [
      ['topic', 'a'],
      ['data', 'two'],
    ]);
    await post(hub, 'new', [
      ['topic', 'a'],
      ['data', 'three'],
    ]);
    await page.waitForFunction('received.length === 3', { polling: 50 });
    const ids = [1, 2, 3].map((seq) => `#${hub.cursor(seq)}`);
    expect(await page.evaluate('received')).toEqual(
      ['one', 'two', 'three'].map((data, index) => ({ data, lastEventId: ids[index] })),
    );
  });

  test.skipIf(isMissing(name))('gets private updates with a cookie, which is kept from scripts', async () => {
    const hub = await startConformanceHub();
    const context = await browser!.createBrowserContext();
    onTestFinished(() => context.close());
    const value = fixedToken({ typ: 'JWT' }, { mercure: { subscribe: ['a'] } });
    await context.setCookie({ name: 'mercureAuthorization', value, domain: '127.0.0.1', path: ROOT, httpOnly: true });
    const other = await context.newPage();
    await other.goto(`${hub.url}/`);
    await listen(other, `${ROOT}?topic=a`);
    await post(hub, 'old', [
      ['topic', 'a'],
      ['data', 'private'],
      ['private', 'on'],
    ]);
    await other.waitForFunction('received.length === 1', { polling: 50 });
    expect(await other.evaluate('received[0].data')).toBe('private');
  });
});
