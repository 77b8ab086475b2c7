import { expect, test } from 'vitest';
import { excerpt, EXCERPT_CHARACTERS, EXCERPT_LINES } from '../src/excerpt.ts';
import type { Line } from '../src/json-layout.ts';

function lines(count: number, text = 'x'): Line[] {
  return Array.from({ length: count }, () => [{ kind: 'mark', text }]);
}

test('short data is shown whole, one line over the bound included', () => {
  expect(excerpt(lines(EXCERPT_LINES + 1))).toEqual({ lines: lines(EXCERPT_LINES + 1), cut: false });
});

test('data of many lines is cut after some', () => {
  expect(excerpt(lines(EXCERPT_LINES + 2))).toEqual({ lines: lines(EXCERPT_LINES), cut: true });
});

test('one endless line is cut, too', () => {
  const { lines: shown, cut } = excerpt(lines(1, 'x'.repeat(EXCERPT_CHARACTERS + 1)));
  expect(cut).toBe(true);
  expect(shown).toEqual(lines(1, 'x'.repeat(EXCERPT_CHARACTERS)));
});
