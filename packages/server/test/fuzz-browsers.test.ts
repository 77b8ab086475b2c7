import { Channel } from '@tidings/server';
import { eventStream, respond, type EventStreamHandle } from '@tidings/server/node';
import type { EventFields, EventMessage } from '@tidings/wire';
import type { Page } from 'puppeteer-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isMissing, startBrowser, type BrowserName } from '../../../test/browser.ts';
import { SEED } from '../../../test/seed.ts';
import { deferred } from './deferred.ts';
import { FORGED, sample, type Case, type Door } from './fuzz-fields.ts';
import { TestServer } from './test-server.ts';

const CASES = 400;
const MARKER = 'fuzz-marker';
const LAST = 'fuzz-end';

/** Where a browser does something else than the standard says. */
interface Quirks {
  /** An id is only taken from a block with data. */
  readonly idNeedsData?: boolean;
  /** NUL is left out of data. */
  readonly dropsNul?: boolean;
}

const QUIRKS: Readonly<Record<BrowserName, Quirks>> = {
  chromium: {},
  firefox: { idNeedsData: true, dropsNul: true },
};

/** What a page's own EventSource dispatches for a sample, a marker before the first case and behind each. */
async function passIn(
  cases: readonly Case[],
  door: Door,
  { idNeedsData = false, dropsNul = false }: Quirks,
  send: (fields: EventFields) => Promise<string | undefined>,
): Promise<EventMessage[]> {
  const expected: EventMessage[] = [];
  let lastEventId = '';
  const add = (type: string, data: string | undefined, id: string | undefined): void => {
    if (id !== undefined && (data !== undefined || !idNeedsData)) lastEventId = id;
    if (data !== undefined) expected.push({ type, data: dropsNul ? data.replaceAll('\0', '') : data, lastEventId });
  };
  const mark = async (type: string, data: string): Promise<void> => add(type, data, await send({ event: type, data }));
  await mark(MARKER, 'first');
  for (const [index, { make, written }] of cases.entries()) {
    const model = written(door);
    try {
      const given = await send(make() as EventFields);
      if (model) add(model.type, model.data, model.id ?? given);
    } catch (error) {
      // What has to be refused is tested beside, without browsers.
      if (model) throw error;
    }
    await mark(MARKER, String(index));
  }
  await mark(LAST, 'last');
  return expected;
}

interface Listening {
  readonly heard: EventMessage[];
  readonly over: Promise<void>;
}
declare const listening: Listening;

/** Listens on a page for every type that may come, or be forged. Fulfils when the stream is open. */
async function listenOnPage(page: Page, path: string, types: readonly string[]): Promise<void> {
  await page.evaluate(
    async (url, names, last) => {
      const source = new EventSource(url);
      const heard: EventMessage[] = [];
      let end = (): void => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      for (const name of names) {
        source.addEventListener(name, (event) => {
          // Those of the EventSource itself have no data.
          if (!(event instanceof MessageEvent)) return;
          const { type, data, lastEventId } = event as MessageEvent<string>;
          heard.push({ type, data, lastEventId });
          if (type !== last) return;
          source.close();
          end();
        });
      }
      Object.assign(globalThis, { listening: { heard, over } });
      await new Promise<void>((resolve) => {
        source.addEventListener('open', () => resolve(), { once: true });
      });
    },
    path,
    types,
    LAST,
  );
}

describe.each<BrowserName>(['chromium', 'firefox'])('%s', (name) => {
  test.skipIf(isMissing(name))('hears exactly what was passed in and accepted', async () => {
    const seed = SEED;
    const cases = sample(seed, CASES);
    const types = (door: Door): string[] => {
      const used = cases.map(({ written }) => written(door)?.type ?? 'message');
      return [...new Set([...used, 'message', 'open', 'error', FORGED, 'earliest', MARKER, LAST])];
    };
    const channel = new Channel({ history: { maxEvents: 10 * CASES } });
    const stream = deferred<EventStreamHandle>();
    await using server = await TestServer.listen((request, response) => {
      if (request.url === '/channel') void respond(channel, request, response);
      else if (request.url === '/stream') void eventStream(request, response, (handle) => stream.resolve(handle));
      else response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Fuzz</title>');
    });
    const browser = await startBrowser(name);
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    await page.goto(server.url);

    await listenOnPage(page, '/stream', types('eventStream'));
    const handle = await stream.promise;
    const sent = await passIn(cases, 'eventStream', QUIRKS[name], async (fields) => {
      await handle.send(fields);
      return undefined;
    });
    expectSame(await hear(page), sent, seed);

    await listenOnPage(page, '/channel', types('Channel'));
    const published = await passIn(cases, 'Channel', QUIRKS[name], (fields) => channel.publish(fields));
    expectSame(await hear(page), published, seed);
  });
});

async function hear(page: Page): Promise<EventMessage[]> {
  return await page.evaluate(async () => {
    await listening.over;
    return listening.heard;
  });
}

/** Compares event by event: of thousands the first that differs says it all. */
function expectSame(heard: readonly EventMessage[], expected: readonly EventMessage[], seed: number): void {
  for (const [index, event] of expected.entries()) {
    // As JSON, for what differs may be invisible.
    expect([seed, index, JSON.stringify(heard[index])]).toEqual([seed, index, JSON.stringify(event)]);
  }
  expect(heard).toHaveLength(expected.length);
}
