import type { OutboxBatch } from './outbox.ts';

/** An event that the publisher was given, and those who wait for it. */
export interface Entry {
  readonly seq: number;
  readonly topic: string;
  readonly line: string;
  readonly bytes: number;
  /** Whether it is of an earlier run, so that nobody waits for it. */
  readonly isKept: boolean;
  /** Calls back when there is room for the event in the queue. */
  readonly onAdmitted: () => void;
  /** Gives the event's id. */
  readonly onStored: (id: string) => void;
  readonly onFailed: (error: unknown) => void;
}

/** The events of one request, which is sent with the same key until it is answered. */
export interface Batch {
  readonly entries: readonly Entry[];
  readonly key: string;
  /** When the oldest attempt was made that may have stored it, in milliseconds since 1970; `undefined` where none has. */
  sentAt: number | undefined;
}

export interface QueueLimits {
  readonly maxQueuedEvents: number;
  readonly maxQueuedBytes: number;
}

/** The events that are not settled, in the order of the calls. Behind those that are admitted, others wait for room. */
export class Queue {
  readonly #limits: QueueLimits;
  #entries: Entry[] = [];
  /** Where the first entry that is left lies. */
  #head = 0;
  /** Where the first entry lies that waits for room. */
  #admitted = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** How many events are in the queue. */
  get events(): number {
    return this.#admitted - this.#head;
  }

  /** How many bytes the events in the queue have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many events there are, those that wait for room included. */
  get size(): number {
    return this.#entries.length - this.#head;
  }

  /** Whether the next event has to wait. */
  get isFull(): boolean {
    const { maxQueuedEvents, maxQueuedBytes } = this.#limits;
    return this.#admitted < this.#entries.length || this.events >= maxQueuedEvents || this.#bytes >= maxQueuedBytes;
  }

  /** The oldest event that is left. */
  get first(): Entry | undefined {
    return this.#entries[this.#head];
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#admit();
  }

  /** Adds an event of an earlier run, which has its place already. */
  addKept(entry: Entry): void {
    this.#entries.splice(this.#admitted, 0, entry);
    this.#admitted++;
    this.#bytes += entry.bytes;
  }

  /**
   * The oldest events, as many as fit, and one at least if there is any.
   * @param lastSeq - no later event
   */
  oldest(maxEvents: number, maxBytes: number, lastSeq: number): Entry[] {
    let end = this.#head;
    let bytes = 0;
    for (; end < this.#admitted && end - this.#head < maxEvents; end++) {
      const entry = this.#entries[end] as Entry;
      bytes += entry.bytes + 1;
      if (entry.seq > lastSeq || (bytes > maxBytes && end > this.#head)) break;
    }
    return this.#entries.slice(this.#head, end);
  }

  /** Takes events out, which are settled, and lets others in. The first of them is the oldest one of all. */
  remove(settled: readonly Entry[]): void {
    for (const { bytes } of settled) this.#bytes -= bytes;
    const last = settled.at(-1);
    if (last !== this.#entries[this.#head + settled.length - 1]) {
      // They are not in a row.
      const gone = new Set(settled);
      this.#entries = this.#entries.filter((entry, at) => at >= this.#head && !gone.has(entry));
      this.#admitted -= this.#head + settled.length;
      this.#head = 0;
    } else {
      this.#head += settled.length;
      if (this.#head * 2 > this.#entries.length) {
        this.#entries.splice(0, this.#head);
        this.#admitted -= this.#head;
        this.#head = 0;
      }
    }
    this.#admit();
  }

  /** Takes everything out. */
  takeAll(): Entry[] {
    const rest = this.#entries.slice(this.#head);
    this.#entries = [];
    this.#head = this.#admitted = this.#bytes = 0;
    return rest;
  }

  #admit(): void {
    const { maxQueuedEvents, maxQueuedBytes } = this.#limits;
    for (;;) {
      const entry = this.#entries[this.#admitted];
      if (!entry || this.events >= maxQueuedEvents || this.#bytes >= maxQueuedBytes) return;
      this.#admitted++;
      this.#bytes += entry.bytes;
      entry.onAdmitted();
    }
  }
}

/** The events of a batch as the outbox has them. */
export function recordOf({ entries, key }: Batch, sentAt: number): OutboxBatch {
  return { key, first: entries[0]?.seq ?? 0, last: entries.at(-1)?.seq ?? 0, sentAt };
}

/** A batch that was not sent yet. */
export function createBatch(entries: readonly Entry[]): Batch {
  return { entries, key: newKey(), sentAt: undefined };
}

/** A key that nobody else has. Pages without TLS lack `randomUUID`, and React Native has neither. */
function newKey(): string {
  const bytes = new Uint8Array(16);
  const { crypto } = globalThis as Partial<typeof globalThis>;
  if (crypto) crypto.getRandomValues(bytes);
  else for (const at of bytes.keys()) bytes[at] = Math.random() * 256;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
