const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/** A number that stands for everything that has happened, in its order: two runs with the same one have done the same. */
export class Digest {
  #low = 0x9e3779b9;
  #high = 0x85ebca6b;

  add(value: number): void {
    float[0] = value;
    this.#low = Math.imul(this.#low ^ (halves[0] ?? 0), 0x01000193) ^ (this.#high >>> 13);
    this.#high = Math.imul(this.#high ^ (halves[1] ?? 0), 0xcc9e2d51) ^ (this.#low >>> 15);
  }

  toString(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
