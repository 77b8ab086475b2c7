const encoder = new TextEncoder();
const CRLF = encoder.encode('\r\n');

/**
 * Bytes that go to many sockets. What a transport needs around them is made at most once, however many listeners get it.
 */
export class SharedChunk {
  readonly bytes: Uint8Array;
  #chunked: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  static fromText(text: string): SharedChunk {
    return new SharedChunk(encoder.encode(text));
  }

  /** One chunk of several frames; a single frame is taken as it is. */
  static fromFrames(frames: readonly Uint8Array[]): SharedChunk {
    const [first] = frames;
    if (first && frames.length === 1) return new SharedChunk(first);
    return new SharedChunk(concat(frames));
  }

  /** The bytes as one chunk of HTTP/1.1's chunked transfer coding (RFC 9112, 7.1). */
  get chunked(): Uint8Array {
    this.#chunked ??= concat([encoder.encode(`${this.bytes.length.toString(16)}\r\n`), this.bytes, CRLF]);
    return this.#chunked;
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
