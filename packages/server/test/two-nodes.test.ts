import { FanOut, findStart, type View } from '@tidings/server/live';
import type { EventLog } from '@tidings/server/log';
import {
  FAULTS,
  ManualClock,
  RemoteStore,
  type RemoteHarness,
  type RemoteLogOptions,
} from '@tidings/server/log/testing';
import { EventStreamDecoder, GAP_TYPE, isOwnType } from '@tidings/wire';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';
import { FakeSink } from './model/fake-sink.ts';

const VIEW: View = { key: 'a', selection: { topics: ['a'] } };
const KEEP_ALIVE_MS = 1000;

let store: RemoteStore;
beforeAll(() => {
  store = new RemoteStore(SEED);
});
afterAll(() => store.close());

/** One of several processes on one log: what it knows of the log is what it has been handed over. */
class Node {
  readonly log: EventLog;
  readonly fanOut: FanOut;

  constructor(log: EventLog, clock: ManualClock) {
    this.log = log;
    this.fanOut = new FanOut(log, { clock, keepAliveMs: KEEP_ALIVE_MS });
    onTestFinished(() => this.fanOut.close());
  }
}

/** A listener that comes back with its last event ID, to whichever node. */
class Wanderer {
  readonly data: string[] = [];
  readonly gaps: string[] = [];
  /** Why its streams ended, where it was not by leaving. */
  readonly ends: string[] = [];
  lastEventId: string | undefined;
  #sink: FakeSink | undefined;
  #wake = (): void => {};

  async connect({ log, fanOut }: Node): Promise<void> {
    const start = await findStart(log, VIEW.selection, { lastEventId: this.lastEventId });
    const decoder = new EventStreamDecoder({
      onEvent: ({ type, data, lastEventId }) => {
        this.lastEventId = lastEventId;
        if (type === GAP_TYPE) this.gaps.push(data);
        if (!isOwnType(type)) this.data.push(data);
        this.#wake();
      },
      onRetry: () => {},
    });
    const sink: FakeSink = new FakeSink(Infinity, 'empty', (bytes) => {
      if (sink === this.#sink) decoder.write(bytes);
    });
    this.#sink = sink;
    fanOut.listen(sink, VIEW, start, (reason) => {
      if (reason !== 'left') this.ends.push(reason);
      this.#wake();
    });
  }

  leave(): void {
    this.#sink?.leave();
    this.#sink = undefined;
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

interface Cluster {
  readonly harness: RemoteHarness;
  readonly clock: ManualClock;
  readonly nodes: readonly [Node, Node];
  publish(data: string): Promise<string>;
  hold(node: 0 | 1, isHeld: boolean): Promise<void>;
}

/** Two nodes on one log, both of which follow it. */
async function cluster(options: RemoteLogOptions = {}): Promise<Cluster> {
  const clock = new ManualClock(1_700_000_000_000);
  const harness = await store.open({ clock }, options);
  onTestFinished(() => harness.dispose());
  const logs = [harness.log, harness.another()] as const;
  const nodes = [new Node(logs[0], clock), new Node(logs[1], clock)] as const;
  await Promise.all(nodes.map(({ fanOut }) => fanOut.ready()));
  return {
    harness,
    clock,
    nodes,
    publish: async (data) => (await logs[0].append([{ topics: ['a'], fields: { data } }])).id,
    hold: (node, isHeld) => harness.hold(logs[node], isHeld),
  };
}

describe('two nodes on one log', () => {
  test('a listener that got an event from one comes to the other, which is behind: no gap, nothing lost, nothing doubled', async () => {
    const { nodes, publish, hold } = await cluster({ faults: { holes: 0.5 } });
    const [ahead, behind] = nodes;
    const listener = new Wanderer();
    const stays = new Wanderer();
    await listener.connect(ahead);
    await stays.connect(behind);
    await publish('1');
    await Promise.all([listener.until(() => listener.data.length === 1), stays.until(() => stays.data.length === 1)]);
    await hold(1, true);
    const id = await publish('2');
    await publish('3');
    await listener.until(() => listener.data.length === 3);
    listener.leave();
    expect(behind.fanOut.lastEventId < id).toBe(true);

    await listener.connect(behind);
    await publish('4');
    await hold(1, false);
    await listener.until(() => listener.data.length === 4);
    await publish('5');
    await listener.until(() => listener.data.length === 5);
    await stays.until(() => stays.data.length === 5);
    for (const { data, gaps, ends } of [listener, stays]) {
      expect({ data, gaps, ends }).toEqual({ data: ['1', '2', '3', '4', '5'], gaps: [], ends: [] });
    }
  });

  test('a listener that another node told where it is, in a heartbeat, is not lost either', async () => {
    const { nodes, clock, publish, hold, harness } = await cluster();
    const [ahead, behind] = nodes;
    const listener = new Wanderer();
    await listener.connect(ahead);
    await publish('1');
    await listener.until(() => listener.data.length === 1);
    await hold(1, true);
    // Of another topic: only a heartbeat tells the listener how far the log has come.
    const { id } = await harness.log.append([{ topics: ['other'], fields: { data: '' } }]);
    while (listener.lastEventId !== id) {
      clock.advance(KEEP_ALIVE_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
    listener.leave();
    await listener.connect(behind);
    await hold(1, false);
    await publish('2');
    await listener.until(() => listener.data.length === 2);
    expect([listener.data, listener.gaps]).toEqual([['1', '2'], []]);
  });

  test('a cursor that no node has given is ahead for both', async () => {
    const { nodes, publish } = await cluster();
    const id = await publish('1');
    const [epoch, seq] = id.split('.');
    for (const node of nodes) {
      const listener = new Wanderer();
      listener.lastEventId = `${epoch}.${Number(seq) + 1}`;
      await listener.connect(node);
      await listener.until(() => listener.data.length === 1);
      expect(listener.gaps.map((gap) => (JSON.parse(gap) as { reason: string }).reason)).toEqual(['ahead']);
    }
  });

  test('a listener that has everything goes on in the next epoch, on whichever node', async () => {
    const { nodes, publish, harness } = await cluster();
    const [one, other] = nodes;
    const listener = new Wanderer();
    await listener.connect(one);
    await publish('1');
    await listener.until(() => listener.data.length === 1);
    await harness.beginEpoch();
    await listener.until(() => listener.ends.length === 1);
    await listener.connect(other);
    await publish('2');
    await listener.until(() => listener.data.length === 2);
    expect([listener.data, listener.gaps, listener.ends]).toEqual([['1', '2'], [], ['renumbered']]);
  });

  test('listeners wander between nodes that lag, lose their store and find it again: nothing is lost, nothing is doubled, no gap is told', async () => {
    const { harness, nodes, clock, publish, hold } = await cluster({ faults: FAULTS });
    const listeners = Array.from({ length: 6 }, () => new Wanderer());
    for (const [index, listener] of listeners.entries()) await listener.connect(nodes[index % 2 === 0 ? 0 : 1]);
    const published: string[] = [];
    for (let n = 0; n < 150; n += 1) {
      published.push(String(n));
      await publish(String(n));
      if (n % 20 === 3) await hold(1, true);
      if (n % 20 === 9) await hold(1, false);
      if (n % 20 === 13) await hold(0, true);
      if (n % 20 === 17) await hold(0, false);
      if (n % 50 === 25) await harness.cut();
      if (n % 7 === 0) clock.advance(KEEP_ALIVE_MS);
      const listener = listeners[n % 6]!;
      listener.leave();
      await listener.connect(nodes[(n * 7) % 3 === 0 ? 0 : 1]);
    }
    await Promise.all([hold(0, false), hold(1, false)]);
    for (const listener of listeners) {
      await listener.until(() => listener.data.at(-1) === published.at(-1));
      expect(listener.gaps).toEqual([]);
      expect(listener.data).toEqual(published);
    }
  });

  test('what another process trims meanwhile is told, and nothing else', async () => {
    const { harness, nodes, publish, hold } = await cluster({ faults: { holes: 0.3, delayMs: 1 } });
    const listener = new Wanderer();
    await listener.connect(nodes[0]);
    await publish('1');
    await listener.until(() => listener.data.length === 1);
    listener.leave();
    await hold(1, true);
    const ids = [await publish('2'), await publish('3'), await publish('4')];
    await harness.trim(Number(ids[1]!.split('.')[1]));
    await listener.connect(nodes[1]);
    await hold(1, false);
    await publish('5');
    await listener.until(() => listener.data.length === 3);
    expect(listener.data).toEqual(['1', '4', '5']);
    expect(listener.gaps.length).toBe(1);
  });
});
