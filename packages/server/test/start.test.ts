import { findStart, isComplete, type Start, type StartRequest } from '@tidings/server/live';
import { EARLIEST, formatCursor, MemoryLog, newEpoch, parseCursor } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

const SELECTION = { topics: ['a'] };

async function start(request: StartRequest): Promise<Start> {
  const log = new MemoryLog({ epoch: 'e', retention: { maxEvents: 4 } });
  // 1 is trimmed; 2 and 4 are of the topic, 3 and 5 are not.
  for (const [topic, id] of [
    ['a', 'gone'],
    ['a', 'x'],
    ['b', 'x'],
    ['a', 'x'],
    ['b', 'y'],
  ]) {
    await log.append([{ topics: [topic!], fields: { id: id! } }]);
  }
  return await findStart(log, SELECTION, request);
}

describe('findStart', () => {
  const at = (after: number, told = after, announce = false): Start => ({
    type: 'after',
    after,
    told,
    trims: 1,
    announce,
  });
  const misplaced = (after: string, reason: 'ahead' | 'foreign' | 'unknown'): Start => ({
    ...(at(0, 5) as Start & { type: 'after' }),
    sent: after,
    misplaced: reason,
  });
  const named = (after: number, sent: string): Start => ({ ...(at(after) as Start & { type: 'after' }), sent });
  const rows: [string, StartRequest, Start][] = [
    ['from now on without anything', {}, { type: 'now', openAt: 5 }],
    ['from now on with an empty id', { lastEventId: '' }, { type: 'now', openAt: 5 }],
    ['at the beginning', { lastEventId: EARLIEST }, at(0, 5)],
    ['behind a cursor', { lastEventId: 'e.3' }, named(3, 'e.3')],
    ['behind the place before the first event', { lastEventId: 'e.0' }, named(0, 'e.0')],
    ['behind the head', { lastEventId: 'e.5' }, named(5, 'e.5')],
    ['behind a cursor whose event is gone', { lastEventId: 'e.1' }, named(1, 'e.1')],
    ['with a cursor that is ahead', { lastEventId: 'e.6' }, misplaced('e.6', 'ahead')],
    ['with a cursor of another epoch', { lastEventId: 'f.3' }, misplaced('f.3', 'foreign')],
    ['behind the earliest event with an id', { lastEventId: 'x' }, named(2, 'x')],
    ['with an id of an event of another topic', { lastEventId: 'y' }, misplaced('y', 'unknown')],
    ['with an id that nobody gave', { lastEventId: 'z' }, misplaced('z', 'unknown')],
    ['with an id that is gone', { lastEventId: 'gone' }, misplaced('gone', 'unknown')],
    ['with something like a cursor', { lastEventId: 'e.03' }, misplaced('e.03', 'unknown')],
    ['with the last event', { last: 1 }, at(3, 5, true)],
    ['with more than there are', { last: 10 }, at(1, 5, true)],
    ['with none of the last', { last: 0 }, at(5, 5, true)],
    ['by the id where both are given', { lastEventId: 'e.3', last: 1 }, named(3, 'e.3')],
    ['by the count where the id is empty', { lastEventId: '', last: 1 }, at(3, 5, true)],
  ];
  test.each(rows)('a stream begins %s', async (_name, request, expected) => {
    expect(await start(request)).toEqual(expected);
  });
});

describe('the start of a stream of a closed topic', () => {
  const rows: [string, StartRequest, boolean][] = [
    ['without a cursor', {}, true],
    ['with the id of its last event', { lastEventId: 'e.2' }, true],
    ['with a later cursor', { lastEventId: 'e.3' }, true],
    ['with none of the last events', { last: 0 }, true],
    ['with an earlier cursor', { lastEventId: 'e.1' }, false],
    ['with the earliest event', { lastEventId: EARLIEST }, false],
    ['with the last event', { last: 1 }, false],
    ['with a place that is not known', { lastEventId: 'z' }, false],
  ];
  const log = new MemoryLog({ epoch: 'e' });

  test.each(rows)('%s is its end: %s', async (_name, request, complete) => {
    if ((await log.topics.status('a')).state === 'unknown') {
      await log.append([
        { topics: ['a'], fields: { data: '' } },
        { topics: ['a'], fields: { data: '' }, final: true },
        { topics: ['b'], fields: { data: '' } },
      ]);
    }
    expect(isComplete(await findStart(log, SELECTION, request))).toBe(complete);
    expect(isComplete(await findStart(log, { topics: ['a', 'b'] }, request))).toBe(false);
  });
});

describe('a cursor', () => {
  test.each([
    { epoch: 'a', seq: 0 },
    { epoch: 'mfk3q1x2', seq: 42 },
    { epoch: '0123456789abcdef', seq: 999_999_999_999_999 },
  ])('of $epoch and $seq is read as it was written', (position) => {
    expect(parseCursor(formatCursor(position))).toEqual(position);
  });

  test.each(['', '.', 'a', 'a.', '.1', 'a.b', 'a.-1', 'a.+1', 'a.01', 'a.1.2', 'a.1 ', ' a.1', 'A.1', 'a_b.1', 'ä.1'])(
    '%j is none',
    (text) => {
      expect(parseCursor(text)).toBeUndefined();
    },
  );

  test('has an epoch of at most 16 characters and at most 15 digits', () => {
    expect(parseCursor(`${'a'.repeat(17)}.1`)).toBeUndefined();
    expect(parseCursor('a.1000000000000000')).toBeUndefined();
  });

  test('names an epoch of the time and chance', () => {
    expect(newEpoch(1_700_000_000_000.5, () => 0)).toBe('loyw3v280000');
    expect(newEpoch(1_700_000_000_000, () => 0.999_999_9)).toBe('loyw3v28zzzz');
    expect(parseCursor(`${newEpoch(8.64e15)}.1`)).toBeDefined();
  });
});
