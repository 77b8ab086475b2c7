import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodySink, FanOut, type Listener, type Present, type View } from '@tidings/server/live';
import { MemoryLog, systemClock } from '@tidings/server/log';
import { EventStreamDecoder } from '@tidings/wire';
import { Changes } from '../src/faces/listeners/changes.ts';
import { ListenerDocuments } from '../src/faces/listeners/documents.ts';
import { listenerFeed } from '../src/faces/listeners/feed.ts';
import { ListenerIds } from '../src/faces/listeners/ids.ts';

function present(number: number): Present {
  return { number, subject: undefined, since: 0 };
}

test('a reader is told what has changed of the pages that it has, and the rest is on the pages to come', () => {
  const changes = new Changes();
  const [one, two, three] = [present(1), present(2), present(3)];
  changes.onCome(one);
  expect([changes.next, changes.take()]).toEqual([0, []]);
  changes.tellThrough(2);
  changes.onGo(one);
  changes.onGo(three);
  expect([changes.next, changes.take()]).toEqual([2, [[one, 'closed']]]);
  changes.tellThrough();
  changes.onCome(three);
  changes.onGo(two);
  expect([changes.next, changes.take(), changes.take()]).toEqual([
    undefined,
    [
      [three, 'opened'],
      [two, 'closed'],
    ],
    [],
  ]);
});

test('who has come and gone before a reader was told is nothing to tell, and neither is who was only counted elsewhere', () => {
  const changes = new Changes();
  changes.tellThrough();
  const one = present(1);
  changes.onCome(one);
  changes.onGo(one);
  expect(changes.take()).toEqual([]);
  changes.onGo(one);
  changes.onCome(one);
  expect(changes.take()).toEqual([]);
  for (const what of ['onCome', 'onCome', 'onGo'] as const) changes[what](one);
  expect(changes.take()).toEqual([[one, 'opened']]);
});

test('a reader that is too slow is told anew who listens, and nothing grows meanwhile', () => {
  const changes = new Changes(10);
  changes.tellThrough();
  for (let number = 1; number <= 10; number += 1) changes.onCome(present(number));
  expect(changes.next).toBe(undefined);
  changes.onCome(present(11));
  for (let number = 1; number <= 20; number += 1) changes.onGo(present(number));
  expect([changes.next, changes.take()]).toEqual([0, []]);
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
      const documents = new ListenerDocuments({ clock });
      const over = new AbortController();
      const options = { presence: fanOut.presence, documents, clock, signals: [over.signal] };
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
