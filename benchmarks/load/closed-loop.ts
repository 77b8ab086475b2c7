import { quantile } from '../parts/median.ts';

export interface ClosedLoopFigures extends Readonly<Record<string, number>> {
  readonly count: number;
  readonly perSecond: number;
  /** How long an act took, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Lets each actor act again as soon as it is done, until the time is up. */
export async function closedLoop(
  actors: readonly (() => Promise<unknown>)[],
  milliseconds: number,
): Promise<ClosedLoopFigures> {
  const times: number[] = [];
  const start = performance.now();
  const end = start + milliseconds;
  await Promise.all(
    actors.map(async (act) => {
      for (let began = performance.now(); began < end;) {
        await act();
        const now = performance.now();
        times.push(now - began);
        began = now;
      }
    }),
  );
  const perSecond = (times.length * 1000) / (performance.now() - start);
  return { count: times.length, perSecond, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
