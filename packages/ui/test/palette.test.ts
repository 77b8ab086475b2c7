import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../src/style/palette.css', import.meta.url), 'utf8');
const [light = '', dark = ''] = css.split('@media');

/** Text colours and the grounds they stand on. */
const PAIRS: readonly [string, readonly string[]][] = [
  ['ink', ['paper', 'raised', 'sunken', 'accent-soft']],
  ['quiet', ['paper', 'raised', 'sunken', 'accent-soft']],
  ['accent', ['paper', 'accent-soft']],
  ['on-accent', ['accent']],
  ['bad', ['bad-soft', 'raised', 'sunken']],
  ['busy', ['paper']],
  ['json-key', ['paper']],
  ['json-string', ['paper']],
  ['json-number', ['paper']],
  ['json-word', ['paper']],
];

function luminance(scheme: string, name: string): number {
  const hex = new RegExp(`--${name}: #([0-9a-f]{6});`).exec(scheme)?.[1] ?? '';
  if (hex === '') throw new Error(`the palette has no colour named ${name}`);
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(scheme: string, a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(scheme, a), luminance(scheme, b)].toSorted((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ['light', light],
  ['dark', dark],
])('the %s palette', (_, scheme) => {
  test.each(PAIRS)('has a contrast of at least 4.5 between %s and its grounds', (text, grounds) => {
    for (const ground of grounds) expect(contrast(scheme, text, ground)).toBeGreaterThanOrEqual(4.5);
  });

  test('has a contrast of at least 3 between the edge of a field and its grounds', () => {
    for (const ground of ['paper', 'raised', 'sunken']) {
      expect(contrast(scheme, 'edge', ground)).toBeGreaterThanOrEqual(3);
    }
  });
});
