import type { Line, Run } from './json-layout.ts';

/** Lines and characters of an event's data that are shown before it is opened, so that one event never fills the page. */
export const EXCERPT_LINES = 14;
export const EXCERPT_CHARACTERS = 1400;

/** The beginning of the text. `cut` is whether anything is left out. */
export function excerpt(lines: readonly Line[]): { lines: readonly Line[]; cut: boolean } {
  const kept: Line[] = [];
  let left = EXCERPT_CHARACTERS;
  // One line over the bound is shown whole: to open an event for its last brace is no gain.
  if (lines.length <= EXCERPT_LINES + 1 && characters(lines) <= EXCERPT_CHARACTERS) return { lines, cut: false };
  for (const line of lines.slice(0, EXCERPT_LINES)) {
    const shown: Run[] = [];
    for (const run of line) {
      if (left <= 0) break;
      shown.push(run.text.length > left ? { kind: run.kind, text: run.text.slice(0, left) } : run);
      left -= run.text.length;
    }
    kept.push(shown);
    if (left <= 0) break;
  }
  return { lines: kept, cut: true };
}

function characters(lines: readonly Line[]): number {
  let count = 0;
  for (const line of lines) for (const run of line) count += run.text.length;
  return count;
}
