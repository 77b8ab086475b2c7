import { LmdbLog } from '@tidings/lmdb';
import { type EventLog, MemoryLog } from '@tidings/server/log';
import { type RunItem, Runs } from '@tidings/server/runs';
import * as fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HUB_KEY, servedHub } from './served-hub.ts';

/** One of them keeps only so many events. */
const IDS = ['a', 'b', 'short'] as const;
const KEPT = 3;
const retention = { perTopic: [{ topics: ['runs/short'], maxEvents: KEPT }] };
const TERMS = { leaseMs: 3_600_000, ttlMs: 3_600_000 };

type Step = (typeof IDS)[number] | 'reopen';

interface OpenRuns {
  readonly runs: Runs;
  readonly log: EventLog;
  readonly close: () => Promise<void>;
}

interface Store {
  /** Opens the same runs in a new epoch. */
  readonly open: () => Promise<OpenRuns>;
  readonly end: () => void;
}

function memory(): Store {
  let log: MemoryLog | undefined;
  let epochs = 0;
  return {
    async open() {
      const record = log?.record();
      const before = record ? [...record.earlierEpochs, { epoch: record.epoch, through: record.seq }] : [];
      const epoch = `e${(epochs += 1)}`;
      const opened = record
        ? new MemoryLog({ retention, record: { ...record, epoch, earlierEpochs: before } })
        : new MemoryLog({ retention, epoch });
      log = opened;
      return { log: opened, runs: new Runs({ log: opened }), close: () => opened.close() };
    },
    end: () => {},
  };
}

function lmdb(): Store {
  const path = mkdtempSync(join(tmpdir(), 'tidings-places-'));
  return {
    // Every opening begins an epoch.
    async open() {
      const log = await LmdbLog.open({ path, retention });
      return { log, runs: new Runs({ log }), close: () => log.close() };
    },
    end: () => rmSync(path, { recursive: true }),
  };
}

function hub(): Store {
  const { open, end } = memory();
  return {
    end,
    async open() {
      const { log, close } = await open();
      let leave = async (): Promise<void> => {};
      const url = await servedHub(log, (closeHub) => void (leave = closeHub));
      const runs = new Runs({ hub: url, headers: { authorization: `Bearer ${HUB_KEY}` } });
      const closeAll = async (): Promise<void> => {
        await leave();
        await close();
      };
      return { log, runs, close: closeAll };
    },
  };
}

async function allOf(items: AsyncIterable<RunItem>): Promise<RunItem[]> {
  const found: RunItem[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What a reader gets: whether it is told first that something is missing, and all else. */
function got(items: readonly RunItem[]): unknown {
  const rest = items.filter(({ type }) => type !== 'gap').map((item) => ('id' in item ? item.id : undefined));
  return { isTold: items[0]?.type === 'gap', rest };
}

/** Does the steps, and then reads each run behind every place that there is. */
async function check(store: Store, steps: readonly Step[]): Promise<void> {
  let open = await store.open();
  try {
    const leases = new Map<string, NonNullable<Awaited<ReturnType<typeof open.runs.store.acquire>>>>();
    const written = new Map<string, string[]>(IDS.map((id) => [id, []]));
    const epochs = new Set<string>();
    for (const step of [...steps, ...IDS, ...IDS.map((id) => `end ${id}`)]) {
      if (step === 'reopen') {
        await open.close();
        open = await store.open();
        continue;
      }
      const id = step.replace('end ', '');
      const lease = leases.get(id) ?? (await open.runs.store.acquire(id, TERMS))!;
      const ids = written.get(id)!;
      if (!leases.has(id)) ids.push(lease.begunAt!);
      leases.set(id, lease);
      if (step === id) ids.push(...(await open.runs.store.append(lease, [String(ids.length)])));
      else {
        await open.runs.store.finish(lease, { state: 'done' });
        ids.push((await open.runs.status(id)).lastEventId!);
      }
      epochs.add(ids.at(-1)!.split('.')[0]!);
    }
    await open.log.trim?.();
    const all = [...written.values()].flat();
    const head = Math.max(...all.map(seqOf));
    for (const [id, own] of written) {
      const { store: read } = open.runs;
      const firstKept = id === 'short' ? Math.max(0, own.length - KEPT) : 0;
      // The first event of a run is no item.
      const kept = own.slice(Math.max(1, firstKept));
      const expectBehind = async (place: string, expected: unknown): Promise<void> => {
        expect([place, got(await read.snapshot(id, { after: place }))]).toEqual([place, expected]);
        expect([place, got(await allOf(read.read(id, { after: place })))]).toEqual([place, expected]);
      };
      for (const [at, place] of own.entries()) {
        const isMissing = at < firstKept - 1;
        await expectBehind(place, { isTold: isMissing, rest: isMissing ? kept : own.slice(at + 1) });
      }
      const others = new Set([...all.filter((place) => !own.includes(place)), 'mine', 'no-epoch.2', 'unknown.2']);
      const numbers = new Set(own.map(seqOf));
      for (const epoch of epochs) {
        for (let seq = 1; seq <= head + 2; seq += 1) if (!numbers.has(seq)) others.add(`${epoch}.${seq}`);
      }
      for (const place of others) {
        await expectBehind(place, { isTold: true, rest: kept });
        // As a hub gives it to a listener with what is known to be missing.
        if (place.includes('.')) await expectBehind(`${place}.0123456789abcdef`, { isTold: true, rest: kept });
      }
      const [gap] = await read.snapshot(id);
      if (gap?.type === 'gap') await expectBehind(gap.gap.resumedAt, { isTold: false, rest: kept });
    }
  } finally {
    await open.close();
    store.end();
  }
}

const seqOf = (cursor: string): number => Number(cursor.split('.')[1]);

const step: fc.Arbitrary<Step> = fc.constantFrom('a', 'b', 'short', 'short', 'reopen');

test.each([
  { name: 'a log in memory', store: memory, numRuns: 40 },
  { name: 'LMDB', store: lmdb, numRuns: 6 },
  { name: 'a hub', store: hub, numRuns: 2 },
])('in $name a place of a run is one in every epoch, and any other is told', async ({ store, numRuns }) => {
  const steps = fc.array(step, { minLength: 6, maxLength: 20 });
  const examples: [Step[]][] = [
    [['a', 'a', 'a', 'reopen', 'b', 'short', 'a', 'short', 'b', 'short', 'reopen', 'short']],
  ];
  await fc.assert(
    fc.asyncProperty(steps, (some) => check(store(), some)),
    { numRuns, examples },
  );
});
