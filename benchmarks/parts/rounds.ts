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
  /** No round begins after this many milliseconds, once there were enough rounds. */
  readonly milliseconds: number;
}

/**
 * Measures the rows in rounds, each row once a round, each round begun by another row: what slows the machine down for a while
 * falls on all of them.
 */
export async function alternate(rows: readonly Row[], rounds: Rounds): Promise<Measured> {
  const samples = new Map<string, Figures[]>(rows.map(({ name }) => [name, []]));
  const start = performance.now();
  for (let round = 0; round < rounds.atMost; round += 1) {
    if (round >= rounds.atLeast && performance.now() - start > rounds.milliseconds) break;
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[(round + index) % rows.length];
      if (row) samples.get(row.name)?.push(await row.measure());
    }
  }
  return new Measured(samples);
}

/** What the runs of all rows measured. */
export class Measured {
  readonly #samples: ReadonlyMap<string, readonly Figures[]>;

  constructor(samples: ReadonlyMap<string, readonly Figures[]>) {
    this.#samples = samples;
  }

  /** The median of each figure of a row; undefined where there is no such row. */
  get(name: string): Figures | undefined {
    const runs = this.#samples.get(name);
    if (!runs) return undefined;
    const keys = Object.keys(runs[0] ?? {});
    return Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => run[key] ?? Number.NaN))]));
  }

  /**
   * The ratio of a figure of a row to that of another: the median of the ratios of runs in the same round. That is more reliable than the ratio of two
   * medians on a machine whose speed changes from one round to the next.
   */
  ratio(name: string, other: string, key: string): number {
    const others = this.#samples.get(other) ?? [];
    const runs = this.#samples.get(name) ?? [];
    return median(runs.map((run, round) => (run[key] ?? Number.NaN) / (others[round]?.[key] ?? Number.NaN)));
  }
}
