import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runtimes } from '../../scripts/runtimes.mjs';
import { BROWSERS, isMissing } from '../../test/browser.ts';
import { CLIENTS, ExampleTab, startExampleBrowser } from './browsers.ts';
import { curl } from './curl.ts';
import { ExampleProcess } from './example-process.ts';

const FOLDERS = ['clock', 'start-stop', 'reconnect', 'send-message', 'ping', 'jobs', 'chat'];
const STREAMS = [
  ['clock/event', 'cur_time'],
  ['start-stop/currentTime', 'GMT'],
  ['start-stop/people', 'Alice'],
  ['reconnect/digits', 'data: 1'],
  ['reconnect/chat', 'data: Hello'],
  ['send-message/sendMessage', 'myEvent'],
  ['ping/sse-demo', 'event: ping'],
] as const;
const node20 = runtimes.find(({ name }) => name === 'node20');

let server: ExampleProcess;

beforeAll(async () => {
  server = await ExampleProcess.start('examples/serve.ts', { addresses: 2 });
});

afterAll(() => server?.[Symbol.asyncDispose]());

describe('npm run examples', () => {
  test.for([
    { title: 'the workshop’s Node', name: 'node', node: process.execPath },
    { title: 'Node 20, as on a fresh clone', name: 'node20', node: node20?.path ?? '' },
  ])('serves with $title, until it is asked to end', async ({ name, node }, { skip }) => {
    skip(isMissing(name));
    await using examples = await ExampleProcess.start('scripts/examples.mjs', { addresses: 2, node });
    const index = await fetch(examples.url());
    expect(await index.text()).toContain('Seven small systems');
    await examples.end();
    await expect(fetch(examples.url())).rejects.toThrow('fetch failed');
  });
});

describe.skipIf(isMissing('curl'))('with curl', { concurrent: true }, () => {
  test.for(STREAMS)('%s is a stream over HTTP/2 too, without what HTTP/2 forbids', async ([path, sent]) => {
    const { output } = await curl(['--insecure', '--include', server.url('https') + path], new RegExp(sent));
    const [head = ''] = output.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/2 200/);
    expect(head).toMatch(/^content-type: text\/event-stream\r?$/m);
    expect(head).not.toMatch(/^(connection|keep-alive|transfer-encoding):/im);
    expect(output).toContain(sent);
  });

  test.for(FOLDERS)('%s leads to its page without the last slash too', async (folder) => {
    const { output } = await curl(['--include', '--location', server.url() + folder]);
    expect(output).toContain(`\r\nLocation: /${folder}/\r\n`);
    expect(output).toContain('</html>');
  });

  test('there is nothing at other paths', async () => {
    const { output } = await curl(['--write-out', '%{http_code}', `${server.url()}constructor/`]);
    expect(output).toBe('There is nothing here.\n404');
  });
});

describe.each(BROWSERS)('in %s', { concurrent: true, timeout: 120_000 }, (name) => {
  let browser: Browser;

  beforeAll(async () => {
    if (!isMissing(name)) browser = await startExampleBrowser(name);
  });

  afterAll(() => browser?.close());

  test.skipIf(isMissing(name))('the index page leads to all of them, and to the other address', async () => {
    await using tab = await ExampleTab.open(browser, server.url());
    const links = await tab.page.$$eval('a', (anchors) => anchors.map(({ href }) => href));
    expect(links).toEqual([...FOLDERS.map((folder) => `${server.url()}${folder}/`), server.url('https')]);
    expect(await tab.text('addresses')).toContain('You are here over HTTP/1.1.');
    await using secure = await ExampleTab.open(browser, server.url('https'));
    expect(await secure.text('addresses')).toContain('You are here over HTTP/2.');
    expect(await secure.text('other-address')).toBe(server.url());
  });

  describe.skipIf(isMissing(name)).each(CLIENTS)('with $client', ({ query }) => {
    test('ten tabs and ten streams more listen over one connection of HTTP/2', async () => {
      const url = `${server.url('https')}ping/${query}`;
      const tabs = await Promise.all(Array.from({ length: 10 }, () => ExampleTab.open(browser, url)));
      for (const tab of tabs) await tab.follows('open', 'ping');
      const [first] = tabs;
      expect(await first!.text('protocol')).toBe('HTTP/2');
      await first!.click('ten');
      await first!.shows('more-open', '10');
      for (const tab of tabs) await tab[Symbol.asyncDispose]();
    });

    test('digits go on after a break over HTTP/2, below the folder of their example', async () => {
      await using tab = await ExampleTab.open(browser, `${server.url('https')}reconnect/${query}`);
      await tab.click('start');
      // A browser may drop what it has not read yet when a stream of HTTP/2 is reset, so only what has an id is sure to come.
      await tab.follows('open', 'message 1', 'error reconnecting', 'open', 'message 4');
      expect(await tab.text('url')).toBe(`${server.url('https')}reconnect/digits`);
    });
  });
});
