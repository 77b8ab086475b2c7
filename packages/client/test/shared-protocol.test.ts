import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Follower,
  type FollowerAction,
  type FollowerInput,
  startFollower,
  stepFollower,
} from '../dist/shared/follower.js';
import { answerJoin, type Leader, shareEvent, startLeader } from '../dist/shared/leader.js';
import type { TabMessage } from '../dist/shared/protocol.js';
import { MAX_RECENT_EVENTS } from '../dist/shared/recent-events.js';

/** A connection to a server whose n-th event has the id n. */
class Line {
  /** How many events of the server it has brought, or need not bring. */
  at: number;
  constructor(lastEventId: string, published: number) {
    this.at = lastEventId === '' ? published : Number(lastEventId);
  }
}

class Tab {
  readonly name: string;
  readonly since: string;
  readonly given: number[] = [];
  follower!: Follower;
  leader: Leader | undefined;
  shared: Line | undefined;
  own: Line | undefined;
  hasRoom = true;
  isWaitingForRoom = false;
  /** The messages of other tabs that have not arrived yet, by their senders. */
  readonly inbox = new Map<Tab, TabMessage[]>();

  constructor(name: string, since: string) {
    this.name = name;
    this.since = since;
  }
}

/** Tabs, their channel and their server, in which everything happens one step at a time. */
class World {
  published = 0;
  /** Whether the server gives its events ids. */
  hasIds = true;
  readonly tabs: Tab[] = [];
  terms = 0;
  ownLines = 0;

  begin(since: string): Tab {
    const tab = new Tab(`tab ${this.terms++}`, since);
    this.tabs.push(tab);
    const step = startFollower(tab.name, since);
    tab.follower = step.follower;
    this.#act(tab, step.actions);
    return tab;
  }

  get leading(): Tab | undefined {
    return this.tabs.find(({ leader }) => leader !== undefined);
  }

  elect(tab: Tab): void {
    this.step(tab, { type: 'elected' });
    tab.leader = startLeader(tab.follower, `term ${this.terms++}`);
    tab.shared = new Line(tab.leader.lastEventId, this.published);
    this.send(tab, { type: 'elected' });
  }

  send(tab: Tab, message: TabMessage): void {
    for (const other of this.tabs) {
      if (other !== tab) other.inbox.set(tab, [...(other.inbox.get(tab) ?? []), message]);
    }
    this.receive(tab, message);
  }

  receive(tab: Tab, message: TabMessage): void {
    if (message.type === 'join' && tab.leader !== undefined) this.send(tab, answerJoin(tab.leader, message));
    this.step(tab, { type: 'message', message, hasRoom: tab.hasRoom });
  }

  step(tab: Tab, input: FollowerInput): void {
    const step = stepFollower(tab.follower, input);
    tab.follower = step.follower;
    this.#act(tab, step.actions);
  }

  #act(tab: Tab, actions: readonly FollowerAction[]): void {
    for (const action of actions) {
      if (action.type === 'send') this.send(tab, action.message);
      if (action.type === 'give-out') tab.given.push(Number(action.event.data));
      if (action.type === 'wait-for-room') tab.isWaitingForRoom = true;
      if (action.type === 'open-own') {
        this.ownLines++;
        if (tab.own !== undefined) throw new Error(`${tab.name} opens a second connection of its own`);
        tab.own = new Line(action.lastEventId, this.published);
      }
      if (action.type === 'close-own') {
        if (tab.own === undefined) throw new Error(`${tab.name} closes a connection that it does not have`);
        tab.own = undefined;
      }
    }
  }

  makeRoom(tab: Tab): void {
    tab.hasRoom = true;
    if (!tab.isWaitingForRoom) return;
    tab.isWaitingForRoom = false;
    this.step(tab, { type: 'room' });
  }

  /** The next message of one tab arrives at another. */
  deliver(tab: Tab, from: Tab): void {
    const message = tab.inbox.get(from)?.shift();
    if (message !== undefined) this.receive(tab, message);
  }

  bring(tab: Tab, line: Line): void {
    if (line.at >= this.published) return;
    line.at++;
    const event = { type: 'message', data: `${line.at}`, lastEventId: this.hasIds ? `${line.at}` : '' };
    if (line === tab.shared && tab.leader !== undefined) {
      const { leader, shared } = shareEvent(tab.leader, event, this.hasIds);
      tab.leader = leader;
      this.send(tab, { type: 'event', shared });
    } else if (line === tab.own) {
      this.step(tab, { type: 'own-event', event, hasOwnId: this.hasIds });
    }
  }

  /** The tab is gone. Some of its last messages may not reach all the others. */
  crash(tab: Tab, unsent: readonly number[]): void {
    this.tabs.splice(this.tabs.indexOf(tab), 1);
    for (const [index, other] of this.tabs.entries()) {
      const sent = other.inbox.get(tab) ?? [];
      sent.length = Math.max(0, sent.length - (unsent[index] ?? 0));
    }
  }

  /** Lets everything happen that is still to happen. */
  settle(): void {
    for (let turn = 0; turn < 10_000; turn++) {
      if (this.leading === undefined && this.tabs[0] !== undefined) this.elect(this.tabs[0]);
      let isQuiet = true;
      for (const tab of this.tabs) {
        if (tab.isWaitingForRoom) isQuiet = false;
        this.makeRoom(tab);
        for (const [from, sent] of tab.inbox) {
          if (sent.length > 0) isQuiet = false;
          this.deliver(tab, from);
        }
        for (const line of [tab.shared, tab.own]) {
          if (line === undefined || line.at >= this.published) continue;
          isQuiet = false;
          this.bring(tab, line);
        }
      }
      if (isQuiet) return;
    }
    throw new Error('the tabs do not come to rest');
  }

  /** The tabs that have not got every event from where they began, once and in order. */
  faults(): string[] {
    return this.tabs.flatMap(({ name, since, given }) => {
      const first = since === '' ? given[0] : Number(since) + 1;
      if (first === undefined) return [];
      const due = Array.from({ length: Math.max(0, this.published - first + 1) }, (_, index) => first + index);
      return given.join() === due.join()
        ? []
        : [`${name}, since "${since}", of ${this.published}, got ${given.join()}`];
    });
  }
}

describe('tabs that share a connection', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('publish' as const) }) },
    { weight: 12, arbitrary: fc.record({ type: fc.constant('bring' as const), tab: fc.nat(), own: fc.boolean() }) },
    { weight: 24, arbitrary: fc.record({ type: fc.constant('deliver' as const), tab: fc.nat(), from: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('begin' as const), since: fc.option(fc.nat(40)) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('elect' as const), tab: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('room' as const), tab: fc.nat(), hasRoom: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('crash' as const),
        tab: fc.nat(),
        isLeader: fc.boolean(),
        unsent: fc.array(fc.nat(4), { maxLength: 6 }),
      }),
    },
  );

  test('each get every event once and in order, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 400, size: 'max' }), (steps) => {
        const world = new World();
        world.begin('');
        const pick = (number: number): Tab | undefined => world.tabs[number % Math.max(1, world.tabs.length)];
        for (const what of steps) {
          if (what.type === 'publish') world.published++;
          if (what.type === 'begin' && world.tabs.length < 6) {
            world.begin(what.since === null ? '' : `${Math.min(what.since, world.published)}`.replace(/^0$/, ''));
          }
          if (what.type === 'elect' && world.leading === undefined) {
            const tab = pick(what.tab);
            if (tab !== undefined) world.elect(tab);
          }
          if (what.type === 'bring') {
            const tab = what.own ? pick(what.tab) : world.leading;
            const line = what.own ? tab?.own : tab?.shared;
            if (tab !== undefined && line !== undefined) world.bring(tab, line);
          }
          if (what.type === 'deliver') {
            const tab = pick(what.tab);
            const senders = [...(tab?.inbox.keys() ?? [])];
            const from = senders[what.from % Math.max(1, senders.length)];
            if (tab !== undefined && from !== undefined) world.deliver(tab, from);
          }
          if (what.type === 'room') {
            const tab = pick(what.tab);
            if (tab !== undefined && what.hasRoom) world.makeRoom(tab);
            else if (tab !== undefined) tab.hasRoom = false;
          }
          if (what.type === 'crash') {
            const tab = what.isLeader ? world.leading : pick(what.tab);
            if (tab !== undefined) world.crash(tab, what.unsent);
          }
        }
        world.settle();
        expect(world.faults()).toEqual([]);
        // A last event shows which tab gets nothing any more, and lets a tab that catches up be handed off.
        world.published++;
        world.settle();
        expect(world.faults()).toEqual([]);
        for (const tab of world.tabs) {
          expect(tab.given.at(-1)).toBe(world.published);
          expect(tab.follower.phase).toBe('live');
          expect(tab.own).toBe(undefined);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

describe('a tab that comes late', () => {
  function worldAt(published: number): World {
    const world = new World();
    world.begin('');
    world.settle();
    world.published = published;
    world.settle();
    return world;
  }

  test('without an ID gets what comes from then on', () => {
    const world = worldAt(5);
    const late = world.begin('');
    world.settle();
    expect(late.follower.lastEventId).toBe('5');
    world.published++;
    world.settle();
    expect(late.given).toEqual([6]);
  });

  test('is given what the leader remembers behind its ID, without a connection of its own', () => {
    const world = worldAt(20);
    const late = world.begin('7');
    world.settle();
    expect(late.given).toEqual(Array.from({ length: 13 }, (_, index) => 8 + index));
    expect(world.ownLines).toBe(0);
  });

  test('catches up alone where the leader has forgotten, then joins', () => {
    const world = worldAt(MAX_RECENT_EVENTS + 50);
    const late = world.begin('3');
    world.settle();
    expect(world.faults()).toEqual([]);
    expect(world.ownLines).toBe(1);
    expect(late.follower.phase).toBe('live');
  });
});

test('a tab that received more than the new leader neither loses nor repeats anything', () => {
  const world = new World();
  const [first, second, third] = [world.begin(''), world.begin(''), world.begin('')];
  world.elect(first);
  world.settle();
  world.published = 5;
  world.settle();
  world.published = 8;
  for (let event = 0; event < 3; event++) world.bring(first, first.shared!);
  for (let event = 0; event < 3; event++) world.deliver(third, first);
  world.crash(first, [3, 0]);
  world.elect(second);
  world.published = 10;
  world.settle();
  expect(world.faults()).toEqual([]);
  expect(third.given).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(second.given).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a tab that received less than the new leader gets the rest, with IDs or without', () => {
  const world = new World();
  world.hasIds = false;
  const [first, second, third] = [world.begin(''), world.begin(''), world.begin('')];
  world.elect(first);
  world.settle();
  world.published = 3;
  for (let event = 0; event < 3; event++) world.bring(first, first.shared!);
  for (let event = 0; event < 3; event++) world.deliver(second, first);
  world.deliver(third, first);
  world.crash(first, [0, 2]);
  world.elect(second);
  world.settle();
  world.published = 4;
  world.settle();
  expect(second.given).toEqual([1, 2, 3, 4]);
  expect(third.given).toEqual([1, 2, 3, 4]);
});

test('a tab without room takes nothing, and goes on where it was once there is room', () => {
  const world = new World();
  const [first, second] = [world.begin(''), world.begin('')];
  world.elect(first);
  world.settle();
  second.hasRoom = false;
  world.published = 3;
  for (let event = 0; event < 3; event++) world.bring(first, first.shared!);
  for (let event = 0; event < 3; event++) world.deliver(second, first);
  expect(second.given).toEqual([]);
  expect(second.follower.phase).toBe('full');
  world.settle();
  expect(first.given).toEqual([1, 2, 3]);
  expect(second.given).toEqual([1, 2, 3]);
  expect(world.ownLines).toBe(0);
});
