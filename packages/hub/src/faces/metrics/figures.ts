import type { FaceContext } from '../face.ts';
import type { Family } from './exposition.ts';
import { ownFamilies, wholeFamilies } from './families.ts';
import { ProcessWatch } from './process.ts';
import { countsOf, putTogether } from './together.ts';

const FIGURES = 'figures';

/** What a process has to tell. */
interface Told {
  readonly process: number;
  readonly families: readonly Family[];
}

/** The numbers of a hub, of all its processes together. What is counted never falls, also when a process dies: what it had told still counts. */
export class Figures {
  readonly #context: FaceContext;
  readonly #watch: ProcessWatch;
  readonly #startedAt: number;

  constructor(context: FaceContext) {
    const { processes, clock, closing } = context;
    this.#context = context;
    this.#watch = new ProcessWatch(closing);
    this.#startedAt = clock.now();
    processes.onAsk(FIGURES, (): Told => {
      const families = this.#own();
      // Before the answer, so that the process of the log has it when somebody else has.
      processes.keep(countsOf(families));
      return { process: processes.number, families };
    });
  }

  async all(): Promise<readonly Family[]> {
    const { processes, states, fanOut, audience, log, clock } = this.#context;
    const own = this.#own();
    // One after the other on their way, so the process of the log finds the same processes for both.
    const [others, record, { lastWrite }] = await Promise.all([
      processes.ask<Told>(FIGURES),
      processes.record(countsOf(own)),
      states.get(),
    ]);
    const silent = (record?.told ?? []).filter(([number]) => !others.some(({ process }) => process === number));
    const counted = [...silent.map(([, counts]) => counts), ...(record ? [record.gone] : [])];
    const whole = wholeFamilies(this.#context, {
      upSeconds: (record?.upMs ?? clock.now() - this.#startedAt) / 1000,
      isUp: fanOut.isFollowing && lastWrite.failure === undefined,
      processes: others.length + 1,
      events: record?.events ?? audience.stats().published,
      log: log.totals?.() ?? record?.log,
    });
    return [
      ...whole,
      ...putTogether(
        own,
        others.map(({ families }) => families),
        counted,
      ),
    ];
  }

  #own(): readonly Family[] {
    return [...ownFamilies(this.#context), ...this.#watch.families()];
  }
}
