// How often it is looked, in milliseconds.
const LOOK_MS = 1000;

// Looks in a row that have to find a fault before it is taken for one.
const MAX_FAULTS = 2;

/** Looks again and again whether all is well. */
export class Looks {
  readonly #timer: ReturnType<typeof setInterval>;
  #faults = 0;

  /** @param look resolves to whether all is well; not being able to look is a fault, too */
  constructor(look: () => Promise<boolean>, onFault: () => void) {
    this.#timer = setInterval(() => {
      const note = (isWell: boolean): void => {
        this.#faults = isWell ? 0 : this.#faults + 1;
        if (this.#faults >= MAX_FAULTS) onFault();
      };
      look().then(note, () => note(false));
    }, LOOK_MS);
  }

  /** What was found before counts no longer. */
  forget(): void {
    this.#faults = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
