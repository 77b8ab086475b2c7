import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { readEvent } from '@tidings/server/live';
import { EARLIEST, EVERYTHING, MemoryLog, type NewEvent } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hosted } from './hosted.ts';

const event = (data: string): NewEvent => ({ topics: ['a'], fields: { data }, private: true });

/** The machine may be busy. */
const PATIENT = { timeout: 20_000 };

/** A log and its host in this process. */
class Served {
  readonly kept = new MemoryLog();
  readonly host = new LogHost(this.kept);

  constructor() {
    onTestFinished(() => this.host.close());
  }

  async join(): Promise<{ readonly log: RemoteLog; readonly socket: Duplex }> {
    const [socket, other] = duplexPair();
    this.host.serve(other);
    return { log: await RemoteLog.open({ socket }), socket };
  }

  /** The data of all events. */
  async data(): Promise<readonly string[]> {
    const { head: through } = await this.kept.locate(EARLIEST);
    const found: string[] = [];
    // A page may have less than it could, if the machine is busy.
    for (let after = 0; after < through;) {
      const page = await this.kept.read({
        selection: { ...EVERYTHING, private: 'all' },
        after,
        through,
        maxBytes: 1e6,
      });
      found.push(...page.entries.map((entry) => readEvent(entry).data));
      after = page.through;
    }
    return found;
  }
}

describe('the processes that use one log', () => {
  test('count together, never more than there may be, and what one has counted is free when it is gone', async () => {
    const NAMES = ['one', 'two'];
    const MOST = [3, 5];
    const step = fc.record({
      what: fc.constantFrom('take', 'take', 'take', 'free', 'add', 'die'),
      process: fc.nat(2),
      names: fc.constantFrom<readonly number[]>([0], [1], [0, 1]),
      times: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const served = new Served();
        const join = async (): Promise<{ peers: RemoteLog['peers']; socket: Duplex; held: (readonly number[])[] }> => {
          const { log, socket } = await served.join();
          return { peers: log.peers, socket, held: [] };
        };
        const all = [await join(), await join(), await join()];
        const sum = (index: number): number =>
          all.flatMap(({ held }) => held).filter((each) => each.includes(index)).length;
        for (const { what, process, names, times } of steps) {
          const own = all[process]!;
          const called = names.map((index) => NAMES[index]!);
          if (what === 'take') {
            // Those of one turn are in one message.
            const counted = names.map((index) => [NAMES[index]!, MOST[index]!] as const);
            const found = await Promise.all(Array.from({ length: times }, () => own.peers.take(counted)));
            for (const full of found) {
              const expected = names.findIndex((index) => sum(index) >= MOST[index]!);
              expect(full).toBe(expected === -1 ? undefined : expected);
              if (full === undefined) own.held.push(names);
            }
          } else if (what === 'add') {
            own.peers.add(called);
            own.held.push(names);
          } else if (what === 'free') {
            const freed = own.held.pop();
            if (freed) own.peers.free(freed.map((index) => NAMES[index]!));
          } else {
            own.socket.destroy();
            all[process] = await join();
          }
          // What was said before has been heard before the answer to this.
          await own.peers.ask('anything');
          await all[process]!.peers.record();
        }
        served.host.close();
      }),
      { numRuns: 50 },
    );
  });

  test('hold what they have counted also when the process of the log is another one', async () => {
    const { path, open, logHost, kept } = await hosted();
    const [one, two] = [await open(), await open()];
    for (let count = 0; count < 3; count += 1) expect(await one.peers.take([['a', 3]])).toBe(undefined);
    expect(await two.peers.take([['a', 3]])).toBe(0);
    const { secret } = one.peers;
    const told = Promise.all(
      [one, two].map(({ peers }) => new Promise((resolve) => peers.onGone((number) => resolve(number)))),
    );
    logHost.close();
    // Without a connection each counts alone, and nobody waits.
    expect(await one.peers.record()).toBe(undefined);
    const next = new LogHost(kept);
    onTestFinished(() => next.close());
    await next.listen(path);
    expect(await told).toEqual([undefined, undefined]);
    expect(one.peers.secret).not.toEqual(secret);
    expect(one.peers.secret).toEqual(two.peers.secret);
    await one.peers.record();
    expect(await two.peers.take([['a', 3]])).toBe(0);
    one.peers.free(['a']);
    await one.peers.record();
    expect(await two.peers.take([['a', 3]])).toBe(undefined);
  });

  test('tell each other something, and learn who is gone', async () => {
    const served = new Served();
    const [one, two, three] = [await served.join(), await served.join(), await served.join()];
    const heard: unknown[] = [];
    const gone: unknown[] = [];
    two.log.peers.onTell((news) => heard.push(news));
    one.log.peers.onTell((news) => heard.push(['its own', news]));
    two.log.peers.onGone((number) => gone.push(number));
    one.log.peers.tell({ a: 1 });
    one.log.peers.tell([2]);
    await one.log.peers.ask(null);
    await two.log.peers.record();
    expect(heard).toEqual([{ a: 1 }, [2]]);
    three.socket.destroy();
    await expect.poll(() => gone, PATIENT).toEqual([3]);
    await one.log.close();
    await expect.poll(() => gone, PATIENT).toEqual([3, 1]);
  });

  test('leave events, which are appended when one is gone that has not closed its log', async () => {
    const served = new Served();
    const [one, two, three] = [await served.join(), await served.join(), await served.join()];
    for (let number = 0; number < 1500; number += 1) one.log.peers.leave(`name ${number}`, [event(`${number}`)]);
    one.log.peers.leave('name 3', [event('another'), event('and one more')]);
    one.log.peers.leave('name 4', undefined);
    two.log.peers.leave('name 3', [event('of one that closes')]);
    await two.log.close();
    await one.log.peers.record();
    one.socket.destroy();
    await expect.poll(async () => (await served.data()).length, PATIENT).toBe(1500);
    const data = await served.data();
    expect(data).not.toContain('3');
    expect(data).not.toContain('4');
    expect(data).toEqual(expect.arrayContaining(['another', 'and one more', '0', '1499']));
    // The process of the log ends in good order: those that use it have not died.
    three.log.peers.leave('name', [event('of one whose log is closed')]);
    await three.log.peers.record();
    served.host.close();
    await three.log.gone;
    expect(await served.data()).toHaveLength(1500);
  });

  test('have a record of what each has counted, also of those that are gone', async () => {
    const served = new Served();
    const [one, two] = [await served.join(), await served.join()];
    one.log.peers.keep({ a: 1, b: 2 });
    one.log.peers.keep({ a: 3, b: 2 });
    await one.log.append([event('1'), event('2')]);
    const { head } = await one.log.locate(EARLIEST);
    expect(head).toBe(2);
    expect(await two.log.peers.record()).toMatchObject({
      events: 2,
      log: { events: 2 },
      told: [[1, { a: 3, b: 2 }]],
      gone: {},
    });
    one.socket.destroy();
    const three = await served.join();
    three.log.peers.keep({ a: 10 });
    three.socket.destroy();
    await expect
      .poll(async () => await two.log.peers.record(), PATIENT)
      .toMatchObject({ told: [], gone: { a: 13, b: 2 } });
  });
});
