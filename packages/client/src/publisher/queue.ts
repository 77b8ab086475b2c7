/** An event that the publisher was given, and those who wait for it. */
export interface Entry {
  readonly seq: number;
  readonly topic: string;
  /** The token of the lease that it is published with. */
  readonly lease?: string | undefined;
  /** Whether it closes its topic. */
  readonly closes: boolean;
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
