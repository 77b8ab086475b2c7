import { MemoryLog, type LogEntry, Turns } from '@tidings/server/log';
import { expect, test } from 'vitest';
import type { Listener } from '../dist/live/listener.js';
import { RecentEvents } from '../dist/live/recent-events.js';

const READ = { selection: { topics: ['a'] }, through: 6, maxBytes: 1000 };
const EVENT_BYTES = 600;

/** Six events of which the log keeps the last, and the three newest of which there is room for. */
async function setup(): Promise<{ recent: RecentEvents; batch: LogEntry[]; reader: (position: number) => Listener }> {
  const log = new MemoryLog({ retention: { maxEvents: 1 } });
  const batch: LogEntry[] = [];
  log.follow({ onStart: () => {}, onBatch: (entries) => void batch.push(...entries), onLost: () => {} });
  for (const topic of ['a', 'b', 'a', 'b', 'a', 'a']) await log.append([{ topics: [topic], fields: { data: 'x' } }]);
  const recent = new RecentEvents(log, new Turns(), 3 * EVENT_BYTES);
  const reader = (position: number): Listener => {
    const listener = { state: { phase: 'reading', position, told: position, trims: 0 } } as Listener;
    recent.join(listener);
    return listener;
  };
  return { recent, batch, reader };
}

const seqs = ({ entries }: { entries: readonly LogEntry[] }): number[] => entries.map(({ seq }) => seq);

test('what was handed over is read here, and nothing of it is missing, whatever the log keeps', async () => {
  const { recent, batch, reader } = await setup();
  const listener = reader(2);
  recent.add(batch.slice(2, 4), 2);
  recent.add(batch.slice(4, 5), 4);
  expect(recent.has(listener)).toBe(true);
  const page = await recent.read({ ...READ, after: 2, through: 5 });
  expect(seqs(page)).toEqual([3, 5]);
  expect(page).toMatchObject({ through: 5, trimmedThrough: 0, trims: 0 });
  // A page is as large as is asked for.
  expect(await recent.read({ ...READ, after: 2, through: 5, maxBytes: 1 })).toMatchObject({ through: 3 });
});

test('a listener that is behind what there is room for reads the log, and the others read here', async () => {
  const { recent, batch, reader } = await setup();
  const [slow, quick] = [reader(0), reader(3)];
  recent.add(batch, 0);
  expect([recent.has(slow), recent.has(quick)]).toEqual([false, true]);
  expect(await recent.read({ ...READ, after: 0 })).toMatchObject({ trimmedThrough: 5 });
  expect(seqs(await recent.read({ ...READ, after: 3 }))).toEqual([5, 6]);
});

test('nothing is kept once all readers have left, or are too slow', async () => {
  for (const end of ['left', 'slow']) {
    const { recent, batch, reader } = await setup();
    const listener = reader(0);
    recent.add(batch.slice(0, 2), 0);
    if (end === 'left') recent.leave(listener);
    else recent.add(batch.slice(2), 2);
    expect(recent.isRead).toBe(false);
    // Only the log answers.
    expect(seqs(await recent.read({ ...READ, after: 0 }))).toEqual([6]);
    expect(seqs(await recent.read({ ...READ, after: 3 }))).toEqual([6]);
  }
});
