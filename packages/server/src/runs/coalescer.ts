import type { NewChunk } from './store/run.ts';

// A batch that has this much is stored without waiting longer. It bounds what one commit takes.
const MAX_BATCH_CHUNKS = 256;
const MAX_BATCH_BYTES = 64 * 1024;

// Guards the memory against a producer that is faster than the log: it is held back from here on.
const MAX_HELD_BYTES = 256 * 1024;

// Guards the memory against a producer that does not wait although it is held back.
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const MAX_WAITING_CHUNKS = 65_536;

// What a chunk takes beside its text: very many empty ones are not free.
const CHUNK_BYTES = 64;

/**
 * Chunks that are not stored yet. A batch is due a few milliseconds after its first chunk, or when it is large, so that a hundred tokens a second are not a
 * hundred commits.
 */
export class Coalescer {
  readonly #delayMs: number;
  #chunks: NewChunk[] = [];
  #bytes = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  /** @param delayMs how long a chunk waits for others, in milliseconds */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether the producer has to wait. */
  get isFull(): boolean {
    return this.#bytes >= MAX_HELD_BYTES;
  }

  /** Whether the producer should have waited long ago. */
  get isOverfull(): boolean {
    return this.#bytes >= MAX_WAITING_BYTES || this.#chunks.length >= MAX_WAITING_CHUNKS;
  }

  /** When the next batch is due; infinite if there is none. */
  get dueAt(): number {
    return this.#dueAt;
  }

  add(chunk: NewChunk, now: number): void {
    if (this.isEmpty) this.#dueAt = now + this.#delayMs;
    this.#chunks.push(chunk);
    this.#bytes += sizeOf(chunk);
    if (this.#bytes >= MAX_BATCH_BYTES || this.#chunks.length >= MAX_BATCH_CHUNKS) this.#dueAt = now;
  }

  /** Forgets what it has. */
  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** Takes the next batch out. What is left is due at once. */
  take(now: number): readonly NewChunk[] {
    let bytes = 0;
    let count = 0;
    for (const chunk of this.#chunks) {
      const size = sizeOf(chunk);
      if (count > 0 && (count === MAX_BATCH_CHUNKS || bytes + size > MAX_BATCH_BYTES)) break;
      bytes += size;
      count += 1;
    }
    const batch = this.#chunks.slice(0, count);
    this.#chunks = this.#chunks.slice(count);
    this.#bytes -= bytes;
    this.#dueAt = this.isEmpty ? Number.POSITIVE_INFINITY : now;
    return batch;
  }
}

/** About the memory that a chunk takes, in bytes. */
function sizeOf(chunk: NewChunk): number {
  if (typeof chunk === 'string') return CHUNK_BYTES + 2 * chunk.length;
  if (chunk instanceof Uint8Array) return CHUNK_BYTES + chunk.length;
  return CHUNK_BYTES + 2 * (chunk.data.length + (chunk.event?.length ?? 0));
}
