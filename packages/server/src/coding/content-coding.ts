import type { PlainTotal } from './plain-total.ts';

/**
 * A content coding (RFC 9110, 8.4.1) that can be cut after each event. It keeps no state between two calls, so that a stream
 * costs nothing while it is silent, and listeners that got the same bytes can share what is coded next.
 */
export interface ContentCoding {
  /** Its name in header fields, in small letters. */
  readonly name: string;
  /** How many of the plain bytes before a chunk its coded form may refer to. */
  readonly historyBytes: number;
  /** The beginning of a coded stream. */
  readonly head: Uint8Array;
  /** What a decoder returns after each chunk besides the chunk: nothing, or blank lines. It is part of the history. */
  readonly trail: Uint8Array;
  /**
   * Codes a chunk so that all of it can be decoded as soon as it has come. `history` is the end of what the decoder has been given
   * before, at most {@link historyBytes} of it; empty where nothing of it may be referred to.
   */
  code(bytes: Uint8Array, history: Uint8Array): Uint8Array;
  /** The CRC-32 of bytes after others that have this one; 0 if the end of a coded stream does not have it. */
  checksum(bytes: Uint8Array, before: number): number;
  /** The end of a coded stream of these plain bytes. */
  end(total: PlainTotal): Uint8Array;
}
