import { EARLIEST, Epochs, type Place } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

// a: 1 to 5, b: none, c: 6 to 8, d: from 9.
const EPOCHS = new Epochs('d', [
  { epoch: 'a', through: 5 },
  { epoch: 'b', through: 5 },
  { epoch: 'c', through: 8 },
]);
const HEAD = 11;
const IDS: Record<string, number> = { mine: 3, '': 7 };

const at = (after: number): Place => ({ after, head: HEAD, trims: 4 });
const lost = (misplaced: NonNullable<Place['misplaced']>): Place => ({ after: 0, head: HEAD, trims: 4, misplaced });

describe('the epochs of a log', () => {
  test.each([
    [1, 'a'],
    [5, 'a'],
    [6, 'c'],
    [8, 'c'],
    [9, 'd'],
    [1000, 'd'],
  ])('gave the number %i in the epoch %s', (seq, epoch) => {
    expect(EPOCHS.of(seq)).toBe(epoch);
  });

  test('are its own', () => {
    expect(['a', 'b', 'c', 'd', 'e', ''].map((epoch) => EPOCHS.has(epoch))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test.each<[string, Place]>([
    [EARLIEST, at(0)],
    ['d.11', at(11)],
    ['d.0', at(0)],
    ['d.12', lost('ahead')],
    ['a.0', at(0)],
    ['a.5', at(5)],
    ['a.6', lost('foreign')],
    ['b.5', at(5)],
    ['b.6', lost('foreign')],
    ['c.8', at(8)],
    ['c.9', lost('foreign')],
    ['mine', at(3)],
    ['x.2', lost('foreign')],
    ['x.3', lost('foreign')],
    ['a.05', lost('unknown')],
    ['other', lost('unknown')],
  ])('place %s', async (id, place) => {
    expect(await EPOCHS.locate(id, { head: HEAD, trims: 4 }, (own) => IDS[own])).toEqual(place);
    expect(await EPOCHS.locate(id, { head: HEAD, trims: 4 }, async (own) => IDS[own])).toEqual(place);
  });

  test('go on with another, which begins behind the newest event', async () => {
    const next = EPOCHS.begin('e', HEAD);
    expect([next.current, next.start, next.of(HEAD), next.of(HEAD + 1)]).toEqual(['e', HEAD, 'd', 'e']);
    expect(await next.locate('d.11', { head: HEAD, trims: 4 }, () => undefined)).toEqual(at(11));
    expect(await next.locate('d.12', { head: HEAD, trims: 4 }, () => undefined)).toEqual(lost('foreign'));
    expect(EPOCHS.current).toBe('d');
    expect(() => next.begin('c', HEAD)).toThrow('each needs a name of its own');
  });
});
