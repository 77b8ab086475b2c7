/** How long something has been wrong that may become right by itself. */
export class Patience {
  readonly #ms: number;
  #since: number | undefined;

  /** @param ms how long it is waited */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** It is wrong. @returns whether it has been for too long */
  isOver(): boolean {
    this.#since ??= performance.now();
    return performance.now() - this.#since >= this.#ms;
  }

  /** It is right. */
  forget(): void {
    this.#since = undefined;
  }
}
