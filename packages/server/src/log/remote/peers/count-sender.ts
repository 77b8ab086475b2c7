import { type CountChange, type Counted, put, type RefusedChange } from './shared-counts.ts';

interface Waiting {
  readonly counted: readonly Counted[];
  readonly resolve: (full: number | undefined) => void;
}

type Send = (changes: readonly CountChange[]) => Promise<readonly RefusedChange[]>;

/** Sends changes of counts, those of a while together: who asks while an answer is under way is in the next message. So a storm takes few messages. */
export class CountSender {
  readonly #send: Send;
  /** What this process has counted. */
  readonly #held = new Map<string, number>();
  #changes: CountChange[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #isSending = false;

  /** @param send rejects if it is not known what became of the changes */
  constructor(send: Send) {
    this.#send = send;
  }

  /** Counts one more of each. Resolves to the index of the first that there is no room for; undefined if they were counted. */
  take(counted: readonly Counted[]): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#hold(counted, 1);
      this.#waiting.set(this.#changes.length, { counted, resolve });
      this.#push([1, counted]);
    });
  }

  /** Without a promise for each: there may be very many. */
  change(names: readonly string[], change: 1 | -1): void {
    const counted = names.map((name) => [name, null] as const);
    this.#hold(counted, change);
    this.#push([change, counted]);
  }

  /** Begins anew, on a connection that knows of nothing: sends all that this process has counted. */
  restart(): void {
    for (const { resolve } of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    this.#changes = [];
    const held = [...this.#held].map(([name, count]): CountChange => [count, [[name, null]]]);
    if (held.length > 0) this.#send(held).catch(() => {});
  }

  #hold(counted: readonly Counted[], change: number): void {
    for (const [name] of counted) put(this.#held, name, (this.#held.get(name) ?? 0) + change);
  }

  #push(change: CountChange): void {
    this.#changes.push(change);
    if (this.#isSending) return;
    this.#isSending = true;
    // What else is counted in this turn goes with it.
    queueMicrotask(() => void this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#changes.length > 0) {
      const changes = this.#changes;
      const waiting = new Map(this.#waiting);
      this.#changes = [];
      this.#waiting.clear();
      // Without an answer each is counted here alone.
      const refused = new Map(await this.#send(changes).catch(() => []));
      for (const [index, { counted, resolve }] of waiting) {
        const full = refused.get(index);
        if (full !== undefined) this.#hold(counted, -1);
        resolve(full);
      }
    }
    this.#isSending = false;
  }
}
