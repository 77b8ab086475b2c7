// The constants of MurmurHash3 (x86, 128 bits), as integers of 32 bits with a sign, so all computations have small integers.
const ONE = 0x23_9b_96_1b;
const TWO = 0xab_0e_97_89 | 0;
const THREE = 0x38_b3_4a_e5;
const FOUR = 0xa1_e3_8b_93 | 0;

const BLOCK_BYTES = 16;

/** MurmurHash3 (x86, 128 bits) of pieces of bytes, each behind a block with its length. */
export class Hash {
  #one = 0;
  #two = 0;
  #three = 0;
  #four = 0;

  add(bytes: Uint8Array): void {
    this.#block(bytes.length, 0, 0, 0);
    const whole = bytes.length - (bytes.length % BLOCK_BYTES);
    this.#blocks(bytes.subarray(0, whole));
    if (whole === bytes.length) return;
    const last = new Uint8Array(BLOCK_BYTES);
    last.set(bytes.subarray(whole));
    this.#blocks(last);
  }

  end(): string {
    this.#mix();
    this.#one = final(this.#one);
    this.#two = final(this.#two);
    this.#three = final(this.#three);
    this.#four = final(this.#four);
    this.#mix();
    const sums = [this.#one, this.#two, this.#three, this.#four];
    return sums.map((sum) => (sum >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #blocks(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      this.#block(
        view.getInt32(at, true),
        view.getInt32(at + 4, true),
        view.getInt32(at + 8, true),
        view.getInt32(at + 12, true),
      );
    }
  }

  #block(one: number, two: number, three: number, four: number): void {
    const first = turned(this.#one ^ Math.imul(turned(Math.imul(one, ONE), 15), TWO), 19);
    this.#one = (Math.imul((first + this.#two) | 0, 5) + 0x56_1c_cd_1b) | 0;
    const second = turned(this.#two ^ Math.imul(turned(Math.imul(two, TWO), 16), THREE), 17);
    this.#two = (Math.imul((second + this.#three) | 0, 5) + 0x0b_ca_a7_47) | 0;
    const third = turned(this.#three ^ Math.imul(turned(Math.imul(three, THREE), 17), FOUR), 15);
    this.#three = (Math.imul((third + this.#four) | 0, 5) + 0x96_cd_1c_35) | 0;
    const fourth = turned(this.#four ^ Math.imul(turned(Math.imul(four, FOUR), 18), ONE), 13);
    this.#four = (Math.imul((fourth + this.#one) | 0, 5) + 0x32_ac_3b_17) | 0;
  }

  #mix(): void {
    this.#one = (this.#one + this.#two + this.#three + this.#four) | 0;
    this.#two = (this.#two + this.#one) | 0;
    this.#three = (this.#three + this.#one) | 0;
    this.#four = (this.#four + this.#one) | 0;
  }
}

function turned(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Lets each bit change all bits. */
function final(sum: number): number {
  let value = Math.imul(sum ^ (sum >>> 16), 0x85_eb_ca_6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2_b2_ae_35);
  return value ^ (value >>> 16);
}

const encoder = new TextEncoder();

/** Nobody outside this process can tell what a digest with it is of. */
export const SECRET: Uint8Array = crypto.getRandomValues(new Uint8Array(16));

/** A digest of a text, 64 bits as hexadecimal digits, that only who has the secret can make. */
export function secretDigestOf(text: string, secret: Uint8Array): string {
  const hash = new Hash();
  hash.add(secret);
  hash.add(encoder.encode(text));
  return hash.end().slice(0, 16);
}
