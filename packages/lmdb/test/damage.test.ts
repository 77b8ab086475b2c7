import { openSync, closeSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmdbLog, type LmdbError, type LmdbLogOptions } from '@tidings/lmdb';
import type { NewEvent, Selection } from '@tidings/server/log';
import { open } from 'lmdb';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { encodeRecord, isIntact } from '../src/records/record.ts';
import { LmdbStore } from '../dist/tables/store.js';
import { event, EVERYTHING, openLog, positionOf, range } from './rig.ts';

/** Changes bytes of the data file behind a text that is in it once. */
function change(path: string, text: string, how: (bytes: Buffer, at: number) => Buffer): void {
  const file = join(path, 'data.mdb');
  const bytes = readFileSync(file);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  const descriptor = openSync(file, 'r+');
  // Everywhere it is: pages that were freed may still hold it.
  for (let next = at; next >= 0; next = bytes.indexOf(text, next + 1))
    writeSync(descriptor, how(bytes, next), 0, undefined, next);
  closeSync(descriptor);
}

const flip = (bytes: Buffer, at: number): Buffer => Buffer.from([bytes[at]! ^ 1]);

/** Appends, and opens the log again after its file was changed. `told` holds what was told of it. */
async function damaged(
  events: readonly NewEvent[],
  text: string,
  how = flip,
  options: Partial<LmdbLogOptions> = {},
): Promise<{ log: LmdbLog; path: string; told: LmdbError[] }> {
  const path = folder({});
  const before = await LmdbLog.open({ path });
  for (const each of events) await before.append([each]);
  await before.close();
  change(path, text, how);
  const told: LmdbError[] = [];
  const onDamage = (error: LmdbError): number => told.push(error);
  return { log: await openLog({ path, onDamage, ...options }), path, told };
}

async function read(
  log: LmdbLog,
  selection: Selection,
  after = 0,
): Promise<{ seqs: number[]; missing: number; trims: number }> {
  const { head } = await log.locate('earliest');
  const page = await log.read({ selection, after, through: head, maxBytes: 2 ** 30 });
  return { seqs: page.entries.map(({ seq }) => seq), missing: page.trimmedThrough, trims: page.trims };
}

describe('an event that was changed on disk', () => {
  const ten = (special: Partial<NewEvent> = {}): NewEvent[] =>
    range(1, 10).map((n) => ({
      ...event(n % 2 === 0 ? 'even' : 'odd', `${'-'.repeat(80)} number ${n}.`),
      ...(n === 6 ? special : {}),
    }));

  test('is left out, and told to be missing to those who selected it and to nobody else', async () => {
    const { log, told } = await damaged(ten(), 'number 6.');
    const start = await log.locate('earliest');
    const all = await read(log, EVERYTHING);
    expect(all).toMatchObject({ seqs: [1, 2, 3, 4, 5, 7, 8, 9, 10], missing: 6 });
    // Also who asked for what is kept before it was noticed is told.
    expect(all.trims).toBeGreaterThan(start.trims);
    expect(await read(log, { topics: ['even'] })).toMatchObject({ seqs: [2, 4, 8, 10], missing: 6 });
    expect(await read(log, { topics: ['odd'] })).toMatchObject({ seqs: [1, 3, 5, 7, 9], missing: 0 });
    expect(told.map(({ code, message }) => [code, message])).toEqual([
      ['ERR_DATA_DAMAGED', expect.stringMatching(/^The event 6 of the topic even was changed on disk/)],
    ]);
    const { topics } = await log.directory.list({ order: 'name', limit: 9 });
    expect(topics.map(({ topic, events }) => [topic, events])).toEqual([
      ['even', 4],
      ['odd', 5],
    ]);
  });

  test.each<[string, Partial<NewEvent>, string, ((bytes: Buffer, at: number) => Buffer)?]>([
    ['in a page far behind its first', { fields: { data: `${'x'.repeat(20_000)}here${'x'.repeat(20_000)}` } }, 'xhere'],
    ['and is private', { private: true }, 'number 6.'],
    ['and has a type', { fields: { data: 'number 6.', event: 'x' } }, 'number 6.'],
    ['and has an id of its publisher', { fields: { data: 'number 6.', id: 'mine' } }, 'number 6.'],
    ['to be another event', {}, 'number 6.', () => Buffer.from('number 4.')],
    ['to nothing', {}, 'number 6.', () => Buffer.alloc(9)],
  ])('is noticed %s', async (_, special, text, how = flip) => {
    const { log, path, told } = await damaged(ten(special), text, how);
    expect(await read(log, { topics: ['even'], private: ['even'] })).toMatchObject({ seqs: [2, 4, 8, 10], missing: 6 });
    expect(await read(log, { topics: ['odd'] })).toMatchObject({ missing: 0 });
    expect(told.length).toBe(1);
    expect((await log.locate('mine')).misplaced).toBe('unknown');
    expect(await read(log, { topics: ['even'], types: ['x'] })).toMatchObject({ seqs: [], missing: 6 });
    expect(await read(log, { topics: ['even'], types: ['message'] })).toMatchObject({ seqs: [2, 4, 8, 10] });
    await log.close();
    const root = open({ path, maxDbs: 32 });
    const types = root.openDB<Buffer, [string, number, number]>({ name: 'by-type', encoding: 'binary' });
    const rows = [...types.getKeys()].map(([, , seq]) => seq);
    await root.close();
    expect(rows).toEqual(special.fields?.event === undefined ? [] : [8, 10]);
  });

  test('is noticed where it is whole, but in the place of another', () => {
    const entry = {
      seq: 6,
      id: 'e.6',
      topics: ['a'],
      time: 1,
      private: false,
      frame: Buffer.from('id: e.6\ndata:\n\n'),
    };
    const record = encodeRecord(entry, false);
    expect([5, 6, 7, 6 + 2 ** 31].map((seq) => isIntact(record, seq))).toEqual([false, true, false, false]);
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const changed = Buffer.from(record);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(isIntact(changed, 6)).toBe(false);
    }
  });

  test.each([
    ['', false],
    [', also if it cannot be removed', true],
  ])('counts as public, so that who is told of the gap can come back from behind it%s', async (_, isFailing) => {
    const secret = { ...event('a', `${'-'.repeat(80)} number 2.`), private: true };
    const errors: LmdbError[] = [];
    const events = [event('a'), secret, { ...event('a'), private: true }];
    const { log, path, told } = await damaged(events, 'number 2.', flip, { onError: (error) => errors.push(error) });
    if (isFailing) {
      const spy = vi.spyOn(LmdbStore.prototype, 'commit').mockRejectedValueOnce(new Error('the disk fails'));
      onTestFinished(() => spy.mockRestore());
    }
    const reasons = async (from: LmdbLog): Promise<(string | undefined)[]> => {
      expect(await read(from, { topics: ['a'] })).toMatchObject({ seqs: [1], missing: 2 });
      const { epoch } = positionOf(from);
      const places = [1, 2, 3, 4].map((seq) => from.locate(`${epoch}.${seq}`, { topics: ['a'] }));
      return (await Promise.all(places)).map(({ misplaced }) => misplaced);
    };
    expect(await reasons(log)).toEqual([undefined, undefined, 'ahead', 'ahead']);
    expect(told.length).toBe(1);
    expect(errors.map(({ code }) => code)).toEqual(isFailing ? ['ERR_NOT_TRIMMED'] : []);
    await log.close();
    expect(await reasons(await openLog({ path, onDamage: () => {} }))).toEqual([
      undefined,
      undefined,
      'ahead',
      'ahead',
    ]);
  });

  test('is still told to be missing by the next process, and the log goes on', async () => {
    const { log, path, told } = await damaged(ten(), 'number 6.');
    await read(log, EVERYTHING);
    expect((await log.append([event('even')])).seq).toBe(11);
    await log.close();
    const next = await openLog({ path, onDamage: (error) => told.push(error) });
    expect(await read(next, { topics: ['even'] })).toMatchObject({ seqs: [2, 4, 8, 10, 11], missing: 6 });
    expect(told.length).toBe(1);
  });

  test('is found by retention, too, and does not stand in its way', async () => {
    const { log, told } = await damaged(ten(), 'number 6.', flip, { retention: { maxEvents: 2 } });
    await log.trim();
    await log.trim();
    expect(told.length).toBe(1);
    expect(await read(log, EVERYTHING)).toMatchObject({ seqs: [9, 10], missing: 8 });
  });

  test('is told as a warning of the process where nobody asks for it', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { log, path } = await damaged(ten(), 'number 6.');
    await log.close();
    const next = await openLog({ path });
    await read(next, EVERYTHING);
    await expect.poll(() => warnings.map(({ name }) => name)).toContain('LmdbError');
  });
});
