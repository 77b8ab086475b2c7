import { EARLIEST, type EventLog, type LogEntry, type NewEvent, type Selection } from '@tidings/server/log';
import {
  eventLogCases,
  FAULTS,
  ManualClock,
  RemoteStore,
  type LogCapability,
  type RemoteHarness,
  type RemoteLogOptions,
} from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';

const CAPABILITIES: LogCapability[] = ['time', 'trim', 'directory', 'states', 'values', 'exact', 'epochs', 'cut'];
const EVERYTHING: Selection = { topics: 'all', private: 'all' };

const event = (data: string): NewEvent => ({ topics: ['a'], fields: { data } });

let store: RemoteStore;
beforeAll(() => {
  store = new RemoteStore(SEED);
});
afterAll(() => store.close());

async function open(options: RemoteLogOptions): Promise<RemoteHarness> {
  const harness = await store.open({ clock: new ManualClock(1_700_000_000_000) }, options);
  onTestFinished(() => harness.dispose());
  return harness;
}

// Their cases wait for messages that are late: several do so at once.
describe.concurrent('a log in another process, behind a connection with faults, as an EventLog', () => {
  for (const { name, run } of eventLogCases(CAPABILITIES)) {
    test(name, () => run((options) => store.open(options, { faults: FAULTS })));
  }
});

describe.concurrent('a log in another process that knows only how far all of it was trimmed, as an EventLog', () => {
  for (const { name, run } of eventLogCases(CAPABILITIES.filter((capability) => capability !== 'exact'))) {
    test(name, () => run((options) => store.open(options, { exact: false, faults: { holes: 0.5 } })));
  }
});

/** Follows a log as a fan-out does: what lies before each start is read. Gives what it has got, and is told missing, so far. */
function keepUp(log: EventLog): { readonly got: LogEntry[]; missing: number; until(seq: number): Promise<void> } {
  const got: LogEntry[] = [];
  const state = { got, missing: 0, until };
  let reached = 0;
  let wake = (): void => {};
  let work: Promise<void> = Promise.resolve();
  const take = (entries: readonly LogEntry[], through: number): void => {
    got.push(...entries.filter(({ seq }) => seq > reached));
    reached = Math.max(reached, through);
    wake();
  };
  const read = async (through: number): Promise<void> => {
    while (reached < through) {
      const page = await log.read({ selection: EVERYTHING, after: reached, through, maxBytes: 200 });
      if (page.trimmedThrough > reached) state.missing = Math.max(state.missing, page.trimmedThrough);
      take(page.entries, page.through);
    }
  };
  log.follow({
    onStart: ({ seq }) => {
      work = work.then(() => read(seq));
    },
    onBatch: (batch) => {
      work = work.then(() => take(batch, batch.at(-1)?.seq ?? 0));
    },
    onLost: () => {},
  });
  async function until(seq: number): Promise<void> {
    while (reached < seq) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return state;
}

describe('a log in another process', () => {
  test('stores each append once and in order, though every other message is lost or doubled', async () => {
    const { log } = await open({ faults: { loss: 0.3, doubling: 0.3, delayMs: 5 } });
    const data = Array.from({ length: 40 }, (_, n) => String(n));
    const receipts = await Promise.all(data.map((text) => log.append([event(text)])));
    const { head } = await log.locate(EARLIEST);
    const { entries } = await log.read({ selection: EVERYTHING, after: 0, through: head, maxBytes: 2 ** 20 });
    expect(entries.map(({ seq }) => seq)).toEqual(receipts.map(({ seq }) => seq));
    expect(receipts.every(({ repeated }) => !repeated)).toBe(true);
  });

  test('answers where an event is, though its followers do not have it yet', async () => {
    const { log, another, hold } = await open({});
    const other = another();
    const behind = keepUp(other);
    const first = await log.append([event('1')]);
    await behind.until(first.seq);
    await hold(other, true);
    const second = await log.append([event('2')]);
    expect(await other.locate(second.id)).toMatchObject({ after: second.seq, head: second.seq });
    expect(behind.got.map(({ seq }) => seq)).toEqual([first.seq]);
    await hold(other, false);
    await behind.until(second.seq);
    expect(behind.got.map(({ seq }) => seq)).toEqual([first.seq, second.seq]);
  });

  test('tells its followers where the store has trimmed what they had not been given', async () => {
    const { log, hold, trim } = await open({});
    const steps: string[] = [];
    const started: ((again: void) => void)[] = [];
    log.follow({
      onStart: ({ seq }) => {
        steps.push(`start ${seq}`);
        if (steps.length > 1) for (const resolve of started) resolve();
      },
      onBatch: (batch) => steps.push(`batch ${batch.map(({ seq }) => seq).join()}`),
      onLost: () => steps.push('lost'),
    });
    const again = new Promise<void>((resolve) => started.push(resolve));
    await hold(log, true);
    // Follows before the first event: an append is answered behind the request to follow.
    for (const data of ['1', '2', '3']) await log.append([event(data)]);
    await trim(2);
    await hold(log, false);
    await again;
    expect(steps).toEqual(['start 0', 'lost', 'start 3']);
  });

  test('and those who follow it lose nothing and get nothing twice, whatever is lost, cut, held back and trimmed', async () => {
    const harness = await open({ faults: { ...FAULTS, trims: 0.02 } });
    const nodes = [harness.log, harness.another(), harness.another()];
    const followers = nodes.map((log) => keepUp(log));
    const published: number[] = [];
    for (let n = 0; n < 120; n += 1) {
      const { seq } = await nodes[n % 3]!.append([event(String(n))]);
      published.push(seq);
      if (n % 30 === 11) await harness.cut();
      if (n % 30 === 17) await harness.hold(nodes[1]!, true);
      if (n % 30 === 23) await harness.hold(nodes[1]!, false);
    }
    for (const follower of followers) {
      await follower.until(published.at(-1)!);
      const seqs = follower.got.map(({ seq }) => seq);
      expect(seqs).toEqual([...new Set(seqs)].toSorted((one, other) => one - other));
      const missing = published.filter((seq) => !seqs.includes(seq));
      expect(missing.filter((seq) => seq > follower.missing)).toEqual([]);
    }
  });
});
