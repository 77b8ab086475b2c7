import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** What every part of the simulated world is given. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  /** Chance of the network and of the machines. */
  readonly random: Random;
  /** Notes an error that no part of the world may show. */
  readonly crash: (what: string, error: unknown) => void;
}
