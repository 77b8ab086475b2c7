import { findStart, type StartAfter } from '@tidings/server/live';
import { MemoryLog, type AskOptions, type LogPage, type ReadRequest, type Selection } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

const HIDDEN = 400;

/** A log that gives pages of ten events at most, and counts them. */
class CountingLog extends MemoryLog {
  reads = 0;
  /** Is called before each page. */
  onRead: () => void = () => {};

  override async read(request: ReadRequest, options?: AskOptions): Promise<LogPage> {
    this.reads += 1;
    this.onRead();
    return await super.read({ ...request, through: Math.min(request.through, request.after + 10) }, options);
  }
}

/** Behind the first event a public one was removed, and a public one follows after many private ones, and then one more after as many. */
async function filledLog(): Promise<CountingLog> {
  const log = new CountingLog({ epoch: 'e' });
  const publish = (topic: string): Promise<unknown> =>
    log.append([{ topics: [topic], fields: { data: '' }, private: topic.startsWith('secret') }]);
  await publish('secret');
  await publish('gone');
  for (let n = 0; n < HIDDEN; n += 1) await publish('secret');
  await publish('open');
  for (let n = 0; n < HIDDEN; n += 1) await publish('secret/other');
  await publish('open');
  await log.topics.delete('gone');
  return log;
}

const PUBLIC: Selection = { topics: 'all' };
const FIRST_OPEN = HIDDEN + 3;

describe('who asks for a time behind which something is missing, and may not know all private events,', () => {
  const ask = async (log: CountingLog, selection = PUBLIC, signal?: AbortSignal): Promise<number> =>
    ((await findStart(log, selection, { since: { at: 0 } }, { signal })) as StartAfter).after;

  test('begins before the first event that it may know', async () => {
    const log = await filledLog();
    expect(await ask(log)).toBe(FIRST_OPEN - 1);
    expect(await ask(log, { topics: 'all', private: ['secret/other'] })).toBe(FIRST_OPEN - 1);
    expect(await ask(log, { topics: 'all', private: ['secret'] })).toBe(0);
    await log.topics.delete('open');
    expect(await ask(log, { topics: 'all', private: ['secret/other'] })).toBe(FIRST_OPEN);
    // Behind the two deletions, which are public.
    expect(await ask(log)).toBe(2 * HIDDEN + 6);
  });

  test('makes the log go through the events before that once', async () => {
    const log = await filledLog();
    await ask(log);
    expect(log.reads).toBeGreaterThan(HIDDEN / 10);
    for (let n = 0; n < 10; n += 1) {
      log.reads = 0;
      expect(await ask(log)).toBe(FIRST_OPEN - 1);
      expect(log.reads).toBeLessThan(4);
    }
  });

  test('goes that way alone, and others who ask meanwhile wait for it', async () => {
    const log = await filledLog();
    const all = await Promise.all(Array.from({ length: 100 }, () => ask(log)));
    expect(new Set(all)).toEqual(new Set([FIRST_OPEN - 1]));
    expect(log.reads).toBeLessThan(2 * (HIDDEN / 10) + 100 * 3);
  });

  test('is followed on that way by another one if it leaves', async () => {
    const log = await filledLog();
    const leaving = new AbortController();
    log.onRead = () => {
      if (log.reads === 20) leaving.abort(new Error('left'));
    };
    const [first, second] = await Promise.allSettled([ask(log, PUBLIC, leaving.signal), ask(log)]);
    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'left' } });
    expect(second).toEqual({ status: 'fulfilled', value: FIRST_OPEN - 1 });
  });
});
