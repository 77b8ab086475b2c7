import { MemoryLog } from '@tidings/server/log';
import { Runs } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';
import { HUB_KEY, servedHub } from './served-hub.ts';

const ID = 'a';

/** Resolves when the run is over, whose lease is not renewed. */
async function lostIn(log: MemoryLog): Promise<void> {
  for await (const item of new Runs({ log }).resume(ID)) {
    if (item.type === 'end') expect(item.state).toBe('lost');
  }
}

/** Runs in a log, which is slow to store the first batch. */
function inLog(log: MemoryLog): Runs {
  let isFirst = true;
  const append: MemoryLog['append'] = async (...args) => {
    if (isFirst) {
      isFirst = false;
      await lostIn(log);
    }
    return await log.append(...args);
  };
  const slow = new Proxy(log, {
    get(target, name) {
      const value: unknown = name === 'append' ? append : Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return new Runs({ log: slow });
}

/** Runs at a hub, to which the first publish is a long time on its way. */
async function atHub(log: MemoryLog): Promise<Runs> {
  const closing: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const close of closing) await close();
  });
  const hub = await servedHub(log, (close) => void closing.push(close));
  let isFirst = true;
  return new Runs({
    hub,
    headers: { authorization: `Bearer ${HUB_KEY}` },
    fetch: async (url, init) => {
      if (init?.method === 'POST' && isFirst) {
        isFirst = false;
        await lostIn(log);
      }
      return await fetch(url, init);
    },
  });
}

test.each([
  { name: 'in a log', open: inLog },
  { name: 'at a hub', open: atHub },
])('$name a run that is lost before it has begun is no other producer’s: its own is told', async ({ open }) => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const runs = await open(log);
  let produced = 0;
  const producer = async function* (): AsyncGenerator<string> {
    yield `produced ${(produced += 1)}`;
  };
  await expect(runs.start(ID, producer, { lease: '1s' })).rejects.toMatchObject({
    code: 'ERR_RUN_OVER',
    message: expect.stringContaining('its lease of 1000 ms has ended') as string,
  });
  expect(produced).toBe(0);
  expect(await runs.status(ID)).toMatchObject({ state: 'lost' });
  expect((await runs.start(ID, producer)).isProducer).toBe(false);
  expect(await runs.delete(ID)).toBe(true);
  const { isProducer, over } = await runs.start(ID, producer);
  expect([isProducer, await over, produced]).toEqual([true, 'done', 1]);
});
