import { EventSource } from '@tidings/client';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Cluster } from '../../scripts/cluster/cluster.ts';
import { BROWSERS, isMissing } from '../../test/browser.ts';
import { CLIENTS, ExampleTab, startExampleBrowser } from './browsers.ts';

const LISTENERS = 6;
const LONG = { timeout: 60_000 };
const lacks = isMissing('postgresql') || isMissing('nginx');

let cluster: Cluster;
const browsers: Browser[] = [];

beforeAll(async () => {
  if (lacks) return;
  cluster = await Cluster.start('channel');
  for (const name of BROWSERS) if (!isMissing(name)) browsers.push(await startExampleBrowser(name));
});

afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  // It is undefined where the machine lacks what it needs.
  await (cluster as Cluster | undefined)?.kill();
});

/** Says something. Resolves to whether that was answered: it may have been stored all the same. */
async function say(text: string): Promise<boolean> {
  try {
    const response = await fetch(`${cluster.url}say`, { method: 'POST', body: text });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

test.skipIf(lacks)(
  'two servers are killed one after the other: nothing that was answered is lost, and nothing is doubled',
  async () => {
    const tabs: ExampleTab[] = [];
    for (const browser of browsers) {
      for (const { query } of CLIENTS) tabs.push(await ExampleTab.openApart(browser, cluster.url + query));
    }
    onTestFinished(async () => {
      for (const tab of tabs) await tab[Symbol.asyncDispose]();
    });
    const listeners = Array.from({ length: LISTENERS }, () => {
      const got: string[] = [];
      const source = new EventSource(`${cluster.url}events`);
      onTestFinished(() => source.close());
      source.addEventListener('message', ({ data }) => got.push(data));
      source.addEventListener('tidings-gap', ({ data }) => got.push(`a gap ${data}`));
      return { got, source };
    });
    for (const tab of tabs) await tab.follows('open');
    for (const { source } of listeners) await expect.poll(() => source.readyState, LONG).toBe(1);

    const answered: string[] = [];
    let isOver = false;
    const people = ['Ann', 'Bob'].map(async (name) => {
      for (let number = 1; !isOver; number += 1) {
        if (await say(`${name} ${number}`)) answered.push(`${name} ${number}`);
        // A page shows 300 lines, and no more than that is said.
        await new Promise((resolve) => void setTimeout(resolve, 50));
      }
    });
    const more = (count: number): Promise<void> => {
      const goal = answered.length + count;
      return expect.poll(() => answered.length, LONG).toBeGreaterThanOrEqual(goal);
    };
    for (const server of cluster.servers) {
      await more(10);
      await server.kill();
      await more(10);
      await server.start();
    }
    await more(10);
    isOver = true;
    await Promise.all(people);
    while (!(await say('the end')));

    const all = listeners[0]!.got;
    for (const { got } of listeners) {
      await expect.poll(() => got.at(-1), LONG).toBe('the end');
      expect(got).toEqual(all);
    }
    expect(new Set(all).size).toBe(all.length);
    expect(answered.filter((text) => !all.includes(text))).toEqual([]);
    for (const name of ['Ann', 'Bob']) {
      const numbers = all.filter((text) => text.startsWith(name)).map((text) => Number(text.split(' ')[1]));
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    }
    for (const tab of tabs) {
      await tab.follows('message the end');
      const lines = (await tab.log()).filter((line) => /^(message|tidings-gap) /.test(line));
      expect(lines.map((line) => line.replace(/^message (.*) \S+ \S+$/, '$1'))).toEqual(all);
    }
    console.log(
      `${answered.length} answered, ${all.length} stored, ${tabs.length + listeners.length} listeners got all of them`,
    );
  },
);
