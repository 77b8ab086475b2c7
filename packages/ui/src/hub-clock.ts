/** A difference up to this many milliseconds is taken for none: a `Date` header has no parts of a second. */
const SAME_CLOCK_MS = 3000;

/** How far the hub's clock is ahead of this one in milliseconds, from the `Date` header of an answer that arrived at `now`. */
export function hubClockOffset(date: string | null, now: number): number {
  const offset = date === null ? 0 : Date.parse(date) - now;
  return Math.abs(offset) > SAME_CLOCK_MS ? offset : 0;
}
