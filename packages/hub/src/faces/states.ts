import type { FanOut } from '@tidings/server/live';
import type { Processes } from '../processes/processes.ts';
import type { WriteOutcome, Writes } from './writes.ts';

/** The state of a hub, of all its processes together. */
export interface State {
  readonly listeners: number;
  readonly lastWrite: WriteOutcome;
}

const STATE = 'state';

/** The state of all processes of a hub. However often it is asked for, the others are asked once at a time. */
export class States {
  readonly #own: () => State;
  readonly #processes: Processes;
  #asking: Promise<State> | undefined;
  #askingNext: Promise<State> | undefined;

  constructor(fanOut: FanOut, writes: Writes, processes: Processes) {
    this.#own = () => ({ listeners: fanOut.listeners, lastWrite: writes.last });
    this.#processes = processes;
    processes.onAsk(STATE, this.#own);
  }

  get(): Promise<State> {
    if (this.#processes.isAlone) return Promise.resolve(this.#own());
    if (!this.#asking) {
      this.#asking = this.#askAll().finally(() => {
        this.#asking = undefined;
      });
      return this.#asking;
    }
    // What is being asked may have been answered before the call.
    this.#askingNext ??= this.#asking.then(() => {
      this.#askingNext = undefined;
      return this.get();
    });
    return this.#askingNext;
  }

  async #askAll(): Promise<State> {
    const all = [...(await this.#processes.ask<State>(STATE)), this.#own()];
    return {
      listeners: all.reduce((sum, { listeners }) => sum + listeners, 0),
      // All write into one log, so the newest says whether it takes events.
      lastWrite: all.map(({ lastWrite }) => lastWrite).reduce((one, other) => (other.at >= one.at ? other : one)),
    };
  }
}
