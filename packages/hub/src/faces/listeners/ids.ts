import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { ListenerPlace } from '../presence/listed.ts';

const KEY_BYTES = 16;
const BLOCK_BYTES = 16;

// Numbers are safe integers. That of a listener stands at the end of a block, that of its process before it, and the rest is zeros.
const NUMBER_BYTES = 6;
const NUMBER_AT = BLOCK_BYTES - NUMBER_BYTES;
const PROCESS_AT = NUMBER_AT - NUMBER_BYTES;

/**
 * The ids of listeners. An id is the number of a listener, and that of its process, enciphered with a key. It says nothing to those who do not have the key, not even
 * which of two listeners came first, and nobody can make one. It takes no memory, and a page can begin behind a listener that has left.
 */
export class ListenerIds {
  // One block for each number, and no number twice: nothing could be learned from equal blocks.
  readonly #cipher;
  readonly #decipher;

  /** @param secret what all processes of a hub have together. @default one of this object alone */
  constructor(secret: Uint8Array = randomBytes(KEY_BYTES)) {
    const key = createHash('sha256').update('ids of listeners').update(secret).digest().subarray(0, KEY_BYTES);
    this.#cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    this.#decipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  }

  of({ process, number }: ListenerPlace): string {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.writeUIntBE(process, PROCESS_AT, NUMBER_BYTES);
    block.writeUIntBE(number, NUMBER_AT, NUMBER_BYTES);
    return this.#cipher.update(block).toString('base64url');
  }

  /** The place of a listener by its id; undefined if the text is none of these ids. */
  placeOf(id: string): ListenerPlace | undefined {
    const block = Buffer.from(id, 'base64url');
    if (block.length !== BLOCK_BYTES || block.toString('base64url') !== id) return undefined;
    const plain = this.#decipher.update(block);
    if (plain.subarray(0, PROCESS_AT).some((byte) => byte !== 0)) return undefined;
    return {
      process: plain.readUIntBE(PROCESS_AT, NUMBER_BYTES),
      number: plain.readUIntBE(NUMBER_AT, NUMBER_BYTES),
    };
  }
}
