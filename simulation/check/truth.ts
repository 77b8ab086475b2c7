import type { LogEntry, MemoryLog } from '@tidings/server/log';

const decoder = new TextDecoder();

/** What listeners with the same request are entitled to: the sequence numbers of its events, in their order. */
export interface Entitlement {
  /** The path and query of the request. */
  readonly request: string;
  readonly topics: ReadonlySet<string>;
  readonly events: number[];
}

/** An event as it is in the log. */
export interface KnownEvent {
  readonly seq: number;
  readonly id: string;
  /** The number that its publisher gave it, which no other event has. */
  readonly number: number;
}

/** What is in the log and what was removed from it, noted beside it by simpler means than its own. */
export class Truth {
  readonly entitlements: readonly Entitlement[];
  readonly #byTopic = new Map<string, Entitlement[]>();
  readonly #byNumber = new Map<number, KnownEvent>();
  readonly #byId = new Map<string, KnownEvent>();
  readonly #onFault: (what: string) => void;
  /** Every event up to here was removed. */
  trimmedThrough = 0;
  head = 0;
  epoch = '';

  /** @param onFault is called with what is wrong in the log itself */
  constructor(entitlements: readonly Entitlement[], onFault: (what: string) => void) {
    this.entitlements = entitlements;
    this.#onFault = onFault;
    for (const entitlement of entitlements) {
      for (const topic of entitlement.topics) {
        const others = this.#byTopic.get(topic);
        if (others) others.push(entitlement);
        else this.#byTopic.set(topic, [entitlement]);
      }
    }
  }

  /** How many events were stored. */
  get events(): number {
    return this.#byNumber.size;
  }

  /** The cursor of the newest event. */
  get cursor(): string {
    return `${this.epoch}.${this.head}`;
  }

  follow(log: MemoryLog): void {
    log.follow({
      onStart: ({ epoch, seq }) => {
        this.epoch = epoch;
        if (seq !== this.head) this.#onFault(`The log goes on after ${seq}, and its last event was ${this.head}`);
      },
      onBatch: (batch) => {
        for (const entry of batch) this.#add(entry);
      },
      onLost: () => {},
    });
  }

  /** Removes a share of what is kept. */
  trim(log: MemoryLog, share: number): void {
    this.trimmedThrough += Math.floor((this.head - this.trimmedThrough) * share);
    void log.trim({ through: this.trimmedThrough });
  }

  eventOf(number: number): KnownEvent | undefined {
    return this.#byNumber.get(number);
  }

  /** The sequence number of a last event ID. */
  seqOf(id: string): number | undefined {
    const [, seq] = /^e\d+\.(\d+)$/.exec(id) ?? [];
    return seq === undefined ? this.#byId.get(id)?.seq : Number(seq);
  }

  #add({ seq, id, topics, frame }: LogEntry): void {
    const number = Number(/^data: (\d+)/m.exec(decoder.decode(frame.subarray(0, 200)))?.[1]);
    if (seq !== this.head + 1) this.#onFault(`The event ${seq} follows ${this.head}`);
    this.head = seq;
    const known = this.#byNumber.get(number);
    if (known) this.#onFault(`The event number ${number} was stored twice, as ${known.seq} and as ${seq}`);
    const event = { seq, id, number };
    this.#byNumber.set(number, event);
    if (!id.startsWith('e')) this.#byId.set(id, event);
    const entitled = new Set(topics.flatMap((topic) => this.#byTopic.get(topic) ?? []));
    for (const { events } of entitled) events.push(seq);
  }
}

/** The index of the first event after a sequence number. */
export function indexAfter(events: readonly number[], seq: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle] ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
