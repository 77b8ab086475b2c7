import { type Duplex, duplexPair } from 'node:stream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodySink, FanOut, type Listener, type Present, type View } from '@tidings/server/live';
import { MemoryLog, systemClock } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import { EventStreamDecoder } from '@tidings/wire';
import { ListenerDocuments } from '../src/faces/listeners/documents.ts';
import { listenerFeed } from '../src/faces/listeners/feed.ts';
import { ListenerIds } from '../src/faces/listeners/ids.ts';
import { AllListeners } from '../src/faces/presence/all-listeners.ts';
import { Changes } from '../src/faces/presence/changes.ts';
import { comparePlaces, type ListedListener, type ListedWatch } from '../src/faces/presence/listed.ts';
import { Processes } from '../src/processes/processes.ts';

function present(number: number): Present {
  return { number, subject: undefined, since: 0 };
}

function listed(number: number, process = 0): ListedListener {
  return { ...present(number), process };
}

/** A page of these listeners. */
const pageOf = (...listeners: ListedListener[]): Pick<ListedWatch, 'page'> => ({
  page: (after, limit) => {
    const found = listeners.filter((each) => comparePlaces(each, after) > 0);
    return { count: listeners.length, listeners: found.slice(0, limit), isLast: found.length <= limit };
  },
});

const NOBODY = pageOf();

test('a reader is told what has changed of the pages that it has, and the rest is on the pages to come', () => {
  const changes = new Changes();
  // Those of one process come after the other, whatever their numbers.
  const [one, two, three] = [listed(1), listed(9), listed(3, 1)];
  changes.onCome(one);
  expect(changes.next(pageOf(one, two, three), 2)).toMatchObject({ changes: [], page: { page: { isLast: false } } });
  changes.onGo(one);
  changes.onGo(three);
  expect(changes.next(pageOf(two), 2)).toEqual({
    changes: [[one, 'closed']],
    page: { after: two, page: { count: 1, listeners: [], isLast: true } },
  });
  changes.onCome(three);
  changes.onGo(two);
  expect(changes.isTold).toBe(false);
  expect(changes.next(NOBODY, 2)).toEqual({
    changes: [
      [three, 'opened'],
      [two, 'closed'],
    ],
  });
  expect([changes.isTold, changes.next(NOBODY, 2)]).toEqual([true, { changes: [] }]);
});

test('who has come and gone before a reader was told is nothing to tell, and neither is who was only counted elsewhere', () => {
  const changes = new Changes();
  changes.next(NOBODY, 1);
  const one = listed(1);
  changes.onCome(one);
  changes.onGo(one);
  expect(changes.next(NOBODY, 1).changes).toEqual([]);
  changes.onGo(one);
  changes.onCome(one);
  expect(changes.next(NOBODY, 1).changes).toEqual([]);
  for (const what of ['onCome', 'onCome', 'onGo'] as const) changes[what](one);
  expect(changes.next(NOBODY, 1).changes).toEqual([[one, 'opened']]);
});

test('a reader that is too slow is told anew who listens, and nothing grows meanwhile', () => {
  const changes = new Changes(10);
  changes.next(NOBODY, 1);
  for (let number = 1; number <= 10; number += 1) changes.onCome(listed(number));
  expect(changes.isAnew).toBe(false);
  changes.onCome(listed(11));
  for (let number = 1; number <= 20; number += 1) changes.onGo(listed(number));
  expect(changes.isAnew).toBe(true);
  expect(changes.next(NOBODY, 1)).toMatchObject({ changes: [], page: { after: { process: 0, number: 0 } } });
});

test('an id leads to its number, only in the hub that has given it, and nobody can make one', () => {
  const ids = new ListenerIds();
  const numbers = [1, 2, 255, 2 ** 40];
  const places = [0, 3].flatMap((process) => numbers.map((number) => ({ process, number })));
  const given = places.map((place) => ids.of(place));
  expect(given.map((id) => ids.placeOf(id))).toEqual(places);
  expect(given.map((id) => ids.placeOf(id))).toEqual(places);
  for (const id of given) expect(id).toMatch(/^[\w-]{22}$/);
  expect(new Set(given).size).toBe(places.length);
  const [first = ''] = given;
  const others = new ListenerIds();
  for (const text of [
    '',
    '1',
    first.slice(1),
    `${first}=`,
    `${first}AA`,
    'A'.repeat(22),
    others.of({ process: 0, number: 1 }),
  ]) {
    expect(ids.placeOf(text)).toBe(undefined);
  }
});

const pattern = (text: string): View => {
  return { key: text, selection: { topics: [{ pattern: text, base: 'https://hub.test/topics/' }] } };
};
const VIEWS: readonly View[] = [
  { key: 'a', selection: { topics: ['a'] } },
  { key: 'a b', selection: { topics: ['a', 'b'] } },
  { key: 'b', selection: { topics: ['b'] } },
  { key: 'all', selection: { topics: 'all' } },
  { key: 'named, too', selection: { topics: ['a', ...(pattern('a*').selection.topics as [])] } },
  pattern('a*'),
  pattern('*a'),
  pattern('b*'),
];

/** What a reader makes of what it is told: it fails if it is told of a listener twice, or that one has gone of which it was never told. */
class Reader {
  readonly known = new Set<string>();
  readonly #decoder = new EventStreamDecoder({
    onEvent: ({ type, data }) => {
      const told = JSON.parse(data) as { id: string; after?: string; listeners: { id: string }[] };
      if (type === 'tidings-listener-closed') this.#delete(told.id);
      else if (type === 'tidings-listener-opened') this.#add(told.id);
      else {
        if (told.after === undefined) this.known.clear();
        for (const { id } of told.listeners) this.#add(id);
      }
    },
  });

  read(bytes: Uint8Array): void {
    this.#decoder.write(bytes);
  }

  #add(id: string): void {
    if (this.known.has(id)) throw new Error('A listener came that was there already');
    this.known.add(id);
  }

  #delete(id: string): void {
    if (!this.known.delete(id)) throw new Error('A listener went that was not there');
  }
}

test('a reader knows in the end who listens, however slowly it reads and whoever comes, goes and changes its patterns', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('come' as const), view: fc.nat(VIEWS.length - 1), which: fc.constant(0) }),
    fc.record({ what: fc.constantFrom('go', 'move'), view: fc.nat(VIEWS.length - 1), which: fc.nat(20) }),
    fc.record({ what: fc.constant('read' as const), view: fc.constant(0), which: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let wake: (() => void) | undefined;
      const clock = {
        ...systemClock,
        setTimeout: (run: () => void) => {
          wake = run;
        },
      };
      const log = new MemoryLog({});
      const fanOut = new FanOut(log, { keepAliveMs: 0 });
      await fanOut.ready();
      const documents = new ListenerDocuments();
      const processes = new Processes(undefined);
      const everyone = new AllListeners({ fanOut, clock, processes, audience: { dropTicket() {} } });
      const over = new AbortController();
      const options = { listeners: everyone, documents, clock, signals: [over.signal] };
      const feed = listenerFeed('a', { ...options, pageListeners: 2, maxChanges: 4 })[Symbol.asyncIterator]();
      const reader = new Reader();
      let next: ReturnType<typeof feed.next> | undefined;
      /** Lets the feed go on until it has given something, or until there is nothing to give. Says whether it has. */
      const read = async (): Promise<boolean> => {
        let given: Awaited<ReturnType<typeof feed.next>> | undefined;
        next ??= feed.next();
        void next.then((result) => (given = result));
        wake?.();
        wake = undefined;
        while (!given && !wake) await new Promise((resolve) => void setImmediate(resolve));
        if (!given) return false;
        next = undefined;
        if (given.done !== true) reader.read(given.value.bytes);
        return true;
      };
      let number = 0;
      const listeners: { readonly listener: Listener; readonly number: number; view: View }[] = [];
      for (const { what, view: chosen, which } of steps) {
        const view = VIEWS[chosen]!;
        const found = listeners[which % listeners.length];
        if (what === 'read') await read();
        else if (what === 'come') {
          number += 1;
          const listener = fanOut.listen(bodySink().sink, view, { type: 'now' }, undefined, false, present(number))!;
          listeners.push({ listener, number, view });
        } else if (found && what === 'go') {
          listeners.splice(listeners.indexOf(found), 1);
          fanOut.breakOff(found.listener, 'left');
        } else if (found) {
          found.view = view;
          fanOut.hold(found.listener);
          fanOut.release(found.listener, view);
        }
      }
      for (let quiet = 0; quiet < 2;) quiet = (await read()) ? 0 : quiet + 1;
      const expected = listeners.filter(({ view }) => !['b', 'b*'].includes(view.key));
      const known = new Set([...reader.known].map((id) => documents.placeOf(id)?.number));
      expect(known).toEqual(new Set(expected.map((each) => each.number)));
      over.abort();
      wake?.();
      await (next ?? feed.next());
      expect(fanOut.presence.watched).toEqual({ topics: 0, cohorts: 0 });
      fanOut.close();
      await log.close();
    }),
    { numRuns: 200 },
  );
});

// Everything is in this process, and nothing waits for a timer.
const MAX_TURNS = 20_000;

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}

/** One of several processes of a hub, whose log is in another one. */
class OneOfSeveral {
  readonly socket: Duplex;
  readonly processes: Processes;
  readonly fanOut: FanOut;
  readonly everyone: AllListeners;
  readonly listeners: { readonly listener: Listener; readonly number: number; view: View }[] = [];
  #number = 0;

  private constructor(log: RemoteLog, socket: Duplex) {
    this.socket = socket;
    this.processes = new Processes(log.peers);
    this.fanOut = new FanOut(log, { keepAliveMs: 0 });
    let now = 0;
    // The others are asked again soon.
    const clock = { ...systemClock, now: () => (now += 100) };
    const { processes, fanOut } = this;
    this.everyone = new AllListeners({ fanOut, clock, processes, audience: { dropTicket() {} } });
  }

  static async join(host: LogHost): Promise<OneOfSeveral> {
    const [own, other] = duplexPair();
    host.serve(other);
    const joined = new OneOfSeveral(await RemoteLog.open({ socket: own }), own);
    await joined.fanOut.ready();
    return joined;
  }

  come(view: View): void {
    const number = (this.#number += 1);
    const listener = this.fanOut.listen(bodySink().sink, view, { type: 'now' }, undefined, false, present(number))!;
    this.listeners.push({ listener, number, view });
  }

  /** As a process that is killed, which says nothing. */
  die(): void {
    this.socket.destroy();
    this.fanOut.close();
  }
}

test('a reader knows in the end who listens at all processes of a hub, whichever dies or is new', async () => {
  const step = fc.record({
    what: fc.constantFrom('come', 'come', 'come', 'go', 'move', 'read', 'read', 'die'),
    process: fc.nat(3),
    view: fc.nat(VIEWS.length - 1),
    which: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const log = new MemoryLog({});
      const host = new LogHost(log);
      const all: OneOfSeveral[] = [];
      for (let count = 0; count < 3; count += 1) all.push(await OneOfSeveral.join(host));
      const [own] = all as [OneOfSeveral];
      const documents = new ListenerDocuments(own.processes);
      const over = new AbortController();
      const clock = { ...systemClock, setTimeout: (run: () => void) => void setImmediate(run) };
      const parts = { listeners: own.everyone, documents, clock, signals: [over.signal], pageListeners: 2 };
      const feed = listenerFeed('a', { ...parts, maxChanges: 4 })[Symbol.asyncIterator]();
      const reader = new Reader();
      let next: ReturnType<typeof feed.next> | undefined;
      const expected = (): Set<string> => {
        const places = all.flatMap(({ processes, listeners }) => {
          const those = listeners.filter(({ view }) => !['b', 'b*'].includes(view.key));
          return those.map(({ number }) => documents.idOf({ process: processes.number, number }));
        });
        return new Set(places);
      };
      /** Reads what comes, until something is so. */
      const readUntil = async (isSo: () => boolean): Promise<void> => {
        for (let turns = 0; !isSo(); turns += 1) {
          if (turns === MAX_TURNS) throw new Error(`It knows ${reader.known.size}, and there are ${expected().size}`);
          next ??= feed.next();
          const given = await Promise.race([next, new Promise<void>((resolve) => void setImmediate(resolve))]);
          if (!given) continue;
          next = undefined;
          if (given.done !== true) reader.read(given.value.bytes);
        }
      };
      for (const { what, process, view: chosen, which } of steps) {
        const view = VIEWS[chosen]!;
        const joined = all[process % all.length]!;
        const found = joined.listeners[which % joined.listeners.length];
        if (what === 'read') {
          let turns = which;
          await readUntil(() => (turns -= 1) < 0);
        } else if (what === 'come') joined.come(view);
        else if (what === 'die' && joined !== own) {
          joined.die();
          all.splice(all.indexOf(joined), 1, await OneOfSeveral.join(host));
        } else if (found && what === 'go') {
          joined.listeners.splice(joined.listeners.indexOf(found), 1);
          joined.fanOut.breakOff(found.listener, 'left');
        } else if (found && what === 'move') {
          found.view = view;
          joined.fanOut.hold(found.listener);
          joined.fanOut.release(found.listener, view);
        }
      }
      await readUntil(() => isSame(reader.known, expected()));
      over.abort();
      await (next ?? feed.next());
      // The others watch nothing for it any more, as soon as they have been told.
      for (const each of all) {
        for (let turns = 0; each.fanOut.presence.watched.topics > 0; turns += 1) {
          if (turns === MAX_TURNS) throw new Error('Another process still watches for it');
          await new Promise<void>((resolve) => void setImmediate(resolve));
        }
      }
      for (const each of all) each.die();
      host.close();
      await log.close();
    }),
    { numRuns: 60 },
  );
});

test('a process whose answer was lost tells everything anew, and nobody is told less', async () => {
  const log = new MemoryLog({});
  const fanOut = new FanOut(log, { keepAliveMs: 0 });
  await fanOut.ready();
  let answer: (message: unknown) => unknown = () => undefined;
  const peers = {
    number: 7,
    secret: undefined,
    onAsk: (take: typeof answer) => {
      answer = take;
    },
    onTell() {},
    onGone() {},
  };
  const processes = new Processes(peers as never);
  new AllListeners({ fanOut, clock: systemClock, processes, audience: { dropTicket() {} } });
  const ask = async (...seen: (readonly [number, number])[]): Promise<unknown> =>
    await answer({ what: 'watch', about: { process: 1, topics: ['a'], seen } });
  const come = (number: number): unknown =>
    fanOut.listen(bodySink().sink, pattern('a*'), { type: 'now' }, undefined, false, present(number));
  const page = (...numbers: number[]): object => ({
    page: { isFirst: true, isLast: true, listeners: numbers.map((number) => [number, expect.any(Number)]) },
  });
  come(1);
  expect(await ask()).toMatchObject({ process: 7, answer: 1, news: [page(1)], hasMore: false });
  come(2);
  expect(await ask([7, 1])).toMatchObject({ answer: 2, news: [{ opened: [[2, expect.any(Number)]], closed: [] }] });
  expect(await ask([7, 2])).toMatchObject({ answer: 3, news: [] });
  // The third has not come.
  expect(await ask([7, 2])).toMatchObject({ answer: 4, news: [page(1, 2)] });
  fanOut.close();
  await log.close();
});
