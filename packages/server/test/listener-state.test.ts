import type { LogEntry, LogPage } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import {
  catchingUp,
  gapBefore,
  isAhead,
  joining,
  transition,
  type ListenerInput,
  type ListenerState,
} from '../dist/live/listener-state.js';

const LIVE: ListenerState = { phase: 'live' };
const ENDED: ListenerState = { phase: 'ended' };
const READING: ListenerState = { phase: 'reading', position: 5, told: 5, trims: 0 };
const DRAINING: ListenerState = { phase: 'draining', position: 5, told: 5, trims: 0 };
const WAITING: ListenerState = { phase: 'waiting', position: 5, told: 5, trims: 0, until: 8 };
const HELD: ListenerState = { phase: 'held', position: 5, told: 5, trims: 0 };

function page(through: number, options: { trimmedThrough?: number; trims?: number; seqs?: number[] } = {}): LogPage {
  const { trimmedThrough = 0, trims = 0, seqs = [] } = options;
  return { through, trimmedThrough, trims, entries: seqs.map((seq) => ({ seq }) as LogEntry) };
}

function pageInput(answer: LogPage, flushed: number, needsDrain = false): ListenerInput {
  return { type: 'page', page: answer, flushed, needsDrain };
}

function advanced(flushed: number, needsDrain = false): ListenerInput {
  return { type: 'advance', flushed, needsDrain };
}

function released(flushed: number, needsDrain = false): ListenerInput {
  return { type: 'release', flushed, needsDrain };
}

describe('transition', () => {
  const rows: [string, ListenerState, ListenerInput, ListenerState, unknown[]][] = [
    ['joins where a page reaches the cohorts', READING, pageInput(page(9), 9), LIVE, [{ type: 'join' }]],
    [
      'joins though the transport is full: the cap of the backlog is for that',
      READING,
      pageInput(page(9), 9, true),
      LIVE,
      [{ type: 'join' }],
    ],
    [
      'reads on where a page does not reach the cohorts',
      READING,
      pageInput(page(8, { trimmedThrough: 7 }), 9),
      { phase: 'reading', position: 8, told: 7, trims: 0 },
      [{ type: 'read', after: 8 }],
    ],
    [
      'still knows what it knew after a page that is older',
      { ...READING, trims: 2 },
      pageInput(page(8, { trimmedThrough: 3 }), 9),
      { phase: 'reading', position: 8, told: 5, trims: 2 },
      [{ type: 'read', after: 8 }],
    ],
    [
      'forgets what it came with after its first page',
      { ...READING, sent: 'x', misplaced: 'unknown' },
      pageInput(page(8), 9),
      { phase: 'reading', position: 8, told: 0, trims: 0 },
      [{ type: 'read', after: 8 }],
    ],
    [
      'waits for the transport between pages',
      READING,
      pageInput(page(8), 9, true),
      { phase: 'draining', position: 8, told: 5, trims: 0 },
      [],
    ],
    [
      'waits where a page tells of a trim that the cohorts have not come to',
      { ...READING, sent: 'x' },
      { type: 'ahead', trimmedThrough: 10 },
      { ...WAITING, sent: 'x', until: 10 },
      [],
    ],
    ['waits while the cohorts have not come far enough', WAITING, advanced(7), WAITING, []],
    [
      'reads again when the cohorts have come far enough',
      { ...WAITING, sent: 'x' },
      advanced(8),
      { ...READING, sent: 'x' },
      [{ type: 'read', after: 5 }],
    ],
    ['joins when the cohorts have come to its cursor', { ...WAITING, until: 5 }, advanced(5), LIVE, [{ type: 'join' }]],
    ['waits for its transport when the cohorts have come far enough', WAITING, advanced(8, true), DRAINING, []],
    [
      'keeps its place when it is held while the cohorts are behind it',
      WAITING,
      { type: 'hold', flushed: 3 },
      HELD,
      [],
    ],
    ['waits for the cohorts when it is released behind its place', HELD, released(3), { ...WAITING, until: 5 }, []],
    ['ends while it waits for the cohorts', WAITING, { type: 'end' }, ENDED, []],
    ['ignores a drain while it waits for the cohorts', WAITING, { type: 'drain' }, WAITING, []],
    ['ignores a page while it waits for the cohorts', WAITING, pageInput(page(9), 9), WAITING, []],
    ['ignores the advance of the cohorts while it reads', READING, advanced(8), READING, []],
    [
      'reads what was not handed over to its cohort',
      LIVE,
      { type: 'skip', flushed: 7, needsDrain: false },
      { phase: 'reading', position: 7, told: 7, trims: 0 },
      [{ type: 'leave' }, { type: 'read', after: 7 }],
    ],
    [
      'reads on where something was not handed over',
      READING,
      { type: 'skip', flushed: 7, needsDrain: false },
      READING,
      [],
    ],
    [
      'reads when the transport has drained',
      DRAINING,
      { type: 'drain' },
      { phase: 'reading', position: 5, told: 5, trims: 0 },
      [{ type: 'read', after: 5 }],
    ],
    [
      'leaves its cohort and waits when its backlog passes the cap',
      LIVE,
      { type: 'overflow', flushed: 7, needsDrain: true },
      { phase: 'draining', position: 7, told: 7, trims: 0 },
      [{ type: 'leave' }],
    ],
    [
      'leaves its cohort and reads at once when the transport will not report that it has drained',
      LIVE,
      { type: 'overflow', flushed: 7, needsDrain: false },
      { phase: 'reading', position: 7, told: 7, trims: 0 },
      [{ type: 'leave' }, { type: 'read', after: 7 }],
    ],
    [
      'leaves its cohort when it is held',
      LIVE,
      { type: 'hold', flushed: 7 },
      { ...HELD, position: 7, told: 7, trims: 0 },
      [{ type: 'leave' }],
    ],
    ['gives up the page that it waits for when it is held', READING, { type: 'hold', flushed: 7 }, HELD, []],
    ['keeps its place when it is held while it waits', DRAINING, { type: 'hold', flushed: 7 }, HELD, []],
    ['ignores a page while it is held', HELD, pageInput(page(9), 9), HELD, []],
    ['ignores a drain while it is held', HELD, { type: 'drain' }, HELD, []],
    ['ends while it is held', HELD, { type: 'end' }, ENDED, []],
    ['joins at once when it is released and nothing has come', HELD, released(5), LIVE, [{ type: 'join' }]],
    ['reads what has come when it is released', HELD, released(7), READING, [{ type: 'read', after: 5 }]],
    ['waits for its transport when it is released', HELD, released(7, true), DRAINING, []],
    [
      'is told that its cursor is misplaced though nothing has come when it is released',
      { ...HELD, misplaced: 'unknown' },
      released(5),
      { ...READING, misplaced: 'unknown' },
      [{ type: 'read', after: 5 }],
    ],
    ['ignores a release while it is live', LIVE, released(7), LIVE, []],
    ['is not changed by being held after its end', ENDED, { type: 'hold', flushed: 7 }, ENDED, []],
    ['leaves its cohort at its end', LIVE, { type: 'end' }, ENDED, [{ type: 'leave' }]],
    ['has no cohort to leave while it reads', READING, { type: 'end' }, ENDED, []],
    ['has no cohort to leave while it waits', DRAINING, { type: 'end' }, ENDED, []],
    ['ignores a drain while it reads', READING, { type: 'drain' }, READING, []],
    ['ignores a drain while it is live', LIVE, { type: 'drain' }, LIVE, []],
    ['ignores an overflow while it reads', READING, { type: 'overflow', flushed: 7, needsDrain: true }, READING, []],
    ['ignores a page that it did not ask for', LIVE, pageInput(page(9), 9), LIVE, []],
    ['ignores a page while it waits', DRAINING, pageInput(page(9), 9), DRAINING, []],
    ['is not changed by a page after its end', ENDED, pageInput(page(9), 9), ENDED, []],
    ['is not changed by a drain after its end', ENDED, { type: 'drain' }, ENDED, []],
    ['ends once', ENDED, { type: 'end' }, ENDED, []],
  ];
  test.each(rows)('a listener %s', (_name, state, input, next, actions) => {
    expect(transition(state, input)).toEqual({ state: next, actions });
  });
});

describe('the beginning', () => {
  test('a listener that catches up begins with a read', () => {
    const start = {
      type: 'after',
      after: 5,
      told: 8,
      trims: 0,
      announce: false,
      sent: 'x',
      misplaced: 'unknown',
    } as const;
    expect(catchingUp(start, 8)).toEqual({
      state: { phase: 'reading', position: 5, told: 8, trims: 0, sent: 'x', misplaced: 'unknown' },
      actions: [{ type: 'read', after: 5 }],
    });
  });

  test('a listener whose cursor is where the cohorts are begins in its cohort', () => {
    const start = { type: 'after', after: 5, told: 5, trims: 0, announce: false, sent: 'e.5' } as const;
    expect(catchingUp(start, 5)).toEqual(joining());
  });

  test('a listener behind whose cursor nothing has come for it begins in its cohort, unless its place is not known', () => {
    const start = { type: 'after', after: 5, told: 5, trims: 0, announce: false, sent: 'e.5' } as const;
    expect(catchingUp(start, 8, true)).toEqual(joining());
    expect(catchingUp({ ...start, misplaced: 'unknown' }, 8, true).state.phase).toBe('reading');
    expect(catchingUp({ ...start, told: 9, trims: 0 }, 8, true).state).toMatchObject({
      phase: 'waiting',
      until: 9,
      position: 8,
    });
  });

  test('a listener whose cursor is past the cohorts begins by waiting for them', () => {
    const start = { type: 'after', after: 5, told: 5, trims: 0, announce: false, sent: 'e.5' } as const;
    expect(catchingUp(start, 4)).toEqual({
      state: { phase: 'waiting', until: 5, position: 5, told: 5, trims: 0, sent: 'e.5', misplaced: undefined },
      actions: [],
    });
  });

  test('a listener that knows of trims past the cohorts begins by waiting for them', () => {
    const start = { type: 'after', after: 5, told: 7, trims: 0, announce: true } as const;
    expect(catchingUp(start, 5).state).toEqual({ phase: 'waiting', until: 7, position: 5, told: 7, trims: 0 });
    expect(catchingUp(start, 6).state).toEqual({ phase: 'reading', position: 5, told: 7, trims: 0 });
  });

  test('a listener from now on begins in its cohort', () => {
    expect(joining()).toEqual({ state: LIVE, actions: [{ type: 'join' }] });
  });
});

describe('gapBefore', () => {
  const told = (position: number, upTo: number): ListenerState => ({
    phase: 'reading',
    position,
    told: upTo,
    trims: 0,
  });
  const misplaced: ListenerState = {
    phase: 'reading',
    position: 0,
    told: 9,
    trims: 0,
    sent: 'x',
    misplaced: 'unknown',
  };
  const trimmed = (from: number, resumedAt: number, through?: number): unknown => ({
    reason: 'trimmed',
    after: undefined,
    from,
    resumedAt,
    through,
  });
  const rows: [string, ListenerState, LogPage, unknown][] = [
    ['tells nothing where nothing was trimmed', READING, page(9), undefined],
    ['tells nothing of what was trimmed before the position', READING, page(9, { trimmedThrough: 5 }), undefined],
    ['tells nothing of what has been told', told(5, 7), page(9, { trimmedThrough: 7 }), undefined],
    ['tells of what was trimmed behind the position', READING, page(9, { trimmedThrough: 6 }), trimmed(5, 6)],
    ['tells of what was trimmed since it was last told', told(5, 7), page(9, { trimmedThrough: 8 }), trimmed(5, 8)],
    [
      'tells of what was trimmed since it was last told, before what it knows of',
      told(5, 8),
      page(9, { trimmedThrough: 8, trims: 1 }),
      trimmed(5, 8),
    ],
    ['resumes before the first kept event', READING, page(9, { trimmedThrough: 8, seqs: [7, 9] }), trimmed(5, 6, 8)],
    [
      'resumes where it was if the next event is kept',
      READING,
      page(9, { trimmedThrough: 8, seqs: [6] }),
      trimmed(5, 5, 8),
    ],
    ['resumes within the page', READING, page(7, { trimmedThrough: 8 }), trimmed(5, 7, 8)],
    [
      'always tells of a misplaced cursor',
      misplaced,
      page(9, { trimmedThrough: 4, seqs: [5] }),
      { reason: 'unknown', after: 'x', from: 0, resumedAt: 4 },
    ],
    [
      'resumes a misplaced cursor at the beginning where nothing was trimmed',
      misplaced,
      page(9, { seqs: [3] }),
      { reason: 'unknown', after: 'x', from: 0, resumedAt: 0 },
    ],
    [
      'tells a misplaced cursor of what was trimmed behind the page, which no later page tells',
      misplaced,
      page(7, { trimmedThrough: 8 }),
      { reason: 'unknown', after: 'x', from: 0, resumedAt: 7, through: 8 },
    ],
    [
      'tells a misplaced cursor how far trimmed events lie between those that are kept',
      misplaced,
      page(9, { trimmedThrough: 8, seqs: [3, 9] }),
      { reason: 'unknown', after: 'x', from: 0, resumedAt: 2, through: 8 },
    ],
    [
      'names what the listener came with',
      { phase: 'reading', position: 5, told: 5, trims: 0, sent: 'mine' },
      page(9, { trimmedThrough: 6 }),
      { reason: 'trimmed', after: 'mine', from: 5, resumedAt: 6 },
    ],
    ['tells nothing to a listener that does not read', LIVE, page(9, { trimmedThrough: 8 }), undefined],
  ];
  test.each(rows)('a page %s', (_name, state, answer, gap) => {
    expect(gapBefore(state, answer)).toEqual(gap);
  });

  test('a page is ahead only with a trim that the cohorts have not come to', () => {
    expect([isAhead(page(9, { trimmedThrough: 8 }), 7), isAhead(page(9, { trimmedThrough: 7 }), 7)]).toEqual([
      true,
      false,
    ]);
  });
});
