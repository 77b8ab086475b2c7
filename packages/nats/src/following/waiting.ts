/** Those who wait for something to be so. */
export class Waiting {
  readonly #checks = new Set<() => void>();

  /** Something has changed. */
  check(): void {
    for (const check of this.#checks) check();
  }

  /** Resolves when it is so, with true, or with false after so many milliseconds. */
  until(isSo: () => boolean, ms: number): Promise<boolean> {
    if (isSo()) return Promise.resolve(true);
    if (ms <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        this.#checks.delete(check);
        clearTimeout(timer);
        resolve(result);
      };
      const check = (): void => {
        if (isSo()) end(true);
      };
      const timer = setTimeout(() => end(isSo()), ms);
      this.#checks.add(check);
    });
  }
}
