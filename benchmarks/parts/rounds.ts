import { median } from './median.ts';

/** What one run of a row measures, by the name of the figure. */
export type Figures = Readonly<Record<string, number>>;

/** Something to measure beside others. */
export interface Row {
  readonly name: string;
  readonly measure: () => Promise<Figures>;
}

export interface Rounds {
  readonly atLeast: number;
  readonly atMost: number;
  /** No round begins after so many milliseconds, once there were enough. */
  readonly milliseconds: number;
}

/**
 * Measures the rows in rounds, each row once a round, each round begun by another row: what slows the machine down for a while
 * falls on all of them. Gives the median of each figure of each row.
 */
export async function alternate(rows: readonly Row[], rounds: Rounds): Promise<Map<string, Figures>> {
  const samples = new Map<string, Figures[]>(rows.map(({ name }) => [name, []]));
  const start = performance.now();
  for (let round = 0; round < rounds.atMost; round += 1) {
    if (round >= rounds.atLeast && performance.now() - start > rounds.milliseconds) break;
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[(round + index) % rows.length];
      if (row) samples.get(row.name)?.push(await row.measure());
    }
  }
  return new Map([...samples].map(([name, runs]) => [name, medians(runs)]));
}

function medians(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name] ?? Number.NaN))]));
}
