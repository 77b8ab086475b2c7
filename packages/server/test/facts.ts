/** Lines that tell what has happened, each of which can be waited for. */
export class Facts {
  readonly #all: string[] = [];
  readonly #taken = new Set<number>();
  #waiting: (() => void)[] = [];

  get all(): readonly string[] {
    return this.#all;
  }

  add(fact: string): void {
    this.#all.push(fact);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Whether it has been told that something happened. */
  told(beginning: string): boolean {
    return this.#all.some((fact) => fact.startsWith(beginning));
  }

  /** Waits for the next fact that begins like this. */
  async take(beginning: string): Promise<string> {
    for (;;) {
      const index = this.#all.findIndex((fact, at) => fact.startsWith(beginning) && !this.#taken.has(at));
      if (index !== -1) {
        this.#taken.add(index);
        return this.#all[index]!;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Waits for a few turns of the event loop, in which what is left unhandled is told. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
