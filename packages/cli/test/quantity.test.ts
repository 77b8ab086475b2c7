import { expect, test } from 'vitest';
import { formatCount, formatDuration, formatSize, parseInteger, parseSize } from '../src/terminal/quantity.ts';

test.each([
  ['1GiB', 1_073_741_824],
  ['500MB', 500_000_000],
  ['1.5 KiB', 1_536],
  ['4096B', 4_096],
  ['4096', undefined],
  ['1G', undefined],
  ['1gib', undefined],
  ['0', undefined],
  ['', undefined],
])('the size %s is %s bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ['0', 0],
  ['65535', 65_535],
  ['65536', undefined],
  ['-1', undefined],
  ['1.0', undefined],
  ['0x10', undefined],
  ['', undefined],
])('the integer %s from 0 to 65535 is %s', (text, value) => {
  expect(parseInteger(text, 0, 65_535)).toBe(value);
});

test('quantities are written in the largest unit that leaves no rest', () => {
  expect(formatDuration(604_800_000)).toBe('7 days');
  expect(formatDuration(5_400_000)).toBe('90 minutes');
  expect(formatDuration(1)).toBe('1 millisecond');
  expect(formatSize(2 ** 30)).toBe('1 GiB');
  expect(formatSize(500_000_000)).toBe('500 MB');
  expect(formatSize(1_001)).toBe('1,001 bytes');
  expect(formatCount(1, 'event')).toBe('1 event');
  expect(formatCount(1_234, 'event')).toBe('1,234 events');
});
