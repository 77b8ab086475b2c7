/** A question that many may ask at the same time. An answer is never older than the call that gets it. */
export class Shared<T> {
  readonly #ask: () => Promise<T>;
  #asked: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  ask(): Promise<T> {
    if (!this.#asked) return this.#begin();
    this.#next ??= this.#asked.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<T> {
    this.#next = undefined;
    const asked = this.#ask();
    this.#asked = asked;
    const end = (): void => {
      if (this.#asked === asked && !this.#next) this.#asked = undefined;
    };
    asked.then(end, end);
    return asked;
  }
}
