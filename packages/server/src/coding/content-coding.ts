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
  /** What a coded stream begins with. */
  readonly head: Uint8Array;
  /** What a decoder gives behind each chunk besides the chunk: nothing, or blank lines. It is a part of the history. */
  readonly trail: Uint8Array;
  /**
   * Codes a chunk so that all of it can be decoded as soon as it has come. `history` is the end of what the decoder has been given
   * before, at most {@link historyBytes} of it; empty where nothing of it may be referred to.
   */
  code(bytes: Uint8Array, history: Uint8Array): Uint8Array;
  /** The CRC-32 of bytes behind others that have this one; 0 where the end of a coded stream does not have it. */
  checksum(bytes: Uint8Array, before: number): number;
  /** What a coded stream of these plain bytes ends with. */
  end(total: PlainTotal): Uint8Array;
}
