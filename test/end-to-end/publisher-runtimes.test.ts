import { MemoryLog } from '@tidings/hub';
import { EARLIEST, fieldsOf } from '@tidings/server/log';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { bundleScript } from '../../packages/client/test/browser-bundle.ts';
import { InstalledClient } from '../../packages/client/test/installed-client.ts';
import { runProgram } from '../../packages/client/test/program.ts';
import { BROWSERS, isMissing, startBrowser } from '../browser.ts';
import { runtimes } from '../runtimes.ts';
import { hubBehindProxy, type HubProxy } from './hub-proxy.ts';

/**
 * Publishes while answers are lost, leases a topic, which another may not have, loses one lease and closes another topic. It tells what it has seen, line by
 * line.
 */
const PROGRAM = `
  async function play(url, tell) {
    const publisher = new Publisher(url, { retry: { initialMs: 1, maxMs: 5 } });
    const ids = await Promise.all(Array.from({ length: 30 }, (_, n) => publisher.publish('plain', { data: n })));
    tell('ids ' + new Set(ids).size);
    const run = await publisher.lease('run', { ttl: '30s' });
    const lost = await publisher.lease('lost', { ttl: '3s' });
    const other = await publisher.lease('run').catch((error) => error);
    tell([other.name, other.code, other.problem, other.leasedUntil > Date.now()].join(' '));
    await Promise.all([1, 2, 3].map((data) => run.publish({ data })));
    // Whoever deletes a topic ends its lease, which the next renewal finds out.
    const aborted = new Promise((resolve) => lost.signal.addEventListener('abort', resolve, { once: true }));
    await fetch(url + 'topics/lost', { method: 'DELETE' }).then((response) => response.text());
    await aborted;
    tell([lost.signal.reason.code, lost.signal.reason.problem].join(' '));
    await run.close({ type: 'done', data: 'é漢🙂' });
    tell('aborted ' + run.signal.aborted);
    await publisher.close();
    tell('end');
  }
`;

const TOLD = ['ids 30', 'LeaseError ERR_REFUSED leased true', 'ERR_REFUSED lease-lost', 'aborted false', 'end'];

/** A hub whose answers are lost now and then. */
async function start(): Promise<{ proxy: HubProxy; stored(topic: string): Promise<unknown[]> }> {
  const log = new MemoryLog();
  const proxy = await hubBehindProxy(log);
  // The first request of each kind, whose second attempt is answered.
  const seen = new Set<string>();
  proxy.fault = ({ method, url }) => {
    if (url === '/topics/lost') return undefined;
    const kind = `${method} ${url}`;
    return seen.has(kind) ? undefined : (seen.add(kind), 'lose-answer');
  };
  return {
    proxy,
    async stored(topic) {
      const { head } = await log.locate(EARLIEST);
      const selection = { topics: [topic], private: [] };
      const { entries } = await log.read({ selection, after: 0, through: head, maxBytes: 2 ** 20 });
      return entries.map((entry) => fieldsOf(entry).data);
    },
  };
}

async function expectStored({ stored }: Awaited<ReturnType<typeof start>>): Promise<void> {
  expect(await stored('plain')).toEqual(Array.from({ length: 30 }, (_, n) => String(n)));
  expect(await stored('run')).toEqual(['1', '2', '3', 'é漢🙂']);
}

describe.each(runtimes)('a publisher on $title', (runtime) => {
  let installed: InstalledClient;

  beforeAll(() => {
    installed = new InstalledClient();
  });

  afterAll(() => installed[Symbol.dispose]());

  test.skipIf(runtime.missing)(
    'publishes once and in order, and holds leases until they are lost or ended',
    async () => {
      const setting = await start();
      const source = `import { Publisher } from '@tidings/client/publisher';
      ${PROGRAM}
      await play(args[0], (line) => console.log(line));`;
      const { code, lines } = await runProgram(runtime, installed, source, { args: [setting.proxy.url] });
      expect({ code, lines }).toEqual({ code: 0, lines: TOLD });
      await expectStored(setting);
    },
  );
});

describe.each(BROWSERS)('a publisher in a worker of %s', (name) => {
  test.skipIf(isMissing(name))(
    'publishes once and in order, and holds leases until they are lost or ended',
    async () => {
      const setting = await start();
      setting.proxy.script = await bundleScript(`import { Publisher } from '@tidings/client/publisher';
        ${PROGRAM}
        if (typeof document !== 'object') {
          const told = [];
          await play('/', (line) => told.push(line)).catch((error) => told.push(String(error)));
          postMessage(told);
        }`);
      const browser = await startBrowser(name);
      onTestFinished(() => browser.close());
      const page = await browser.newPage();
      await page.goto(setting.proxy.url);
      const told = await page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker('/script.js', { type: 'module' });
            worker.addEventListener('message', ({ data }) => resolve(data));
            worker.addEventListener('error', ({ message }) => reject(new Error(message)));
          }),
      );
      expect(told).toEqual(TOLD);
      await expectStored(setting);
    },
  );
});
