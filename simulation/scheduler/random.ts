/** Random numbers from 0 to below 1, and what is often made of them. The same seed and purpose give the same ones. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  /** @param purpose makes the numbers independent of those for other purposes, so that one use more does not change all others */
  constructor(seed: number, purpose: string) {
    let hash = 0x811c9dc5;
    for (const character of `${seed} ${purpose}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
    this.#a = hash;
    this.#b = Math.imul(hash, 0x9e3779b1) ^ seed;
    this.#c = Math.imul(hash, 0x85ebca6b) ^ (seed / 2 ** 32);
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** The next number (sfc32, of PractRand). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Times of things that happen independently of each other, by the mean of the time between them. */
  apart(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }
}
