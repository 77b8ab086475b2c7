import type { Clock } from '../../clock.ts';
import type { EventLog } from '../event-log.ts';
import { encodeMessage } from './message.ts';
import type { LeftEvents } from './peers/left-events.ts';
import type { NamedCounts, PeersRecord } from './peers/peers.ts';
import { type CountChange, type Holder, type RefusedChange, SharedCounts } from './peers/shared-counts.ts';

/** How long others may take to answer what a process asks all of them, in milliseconds. */
const ANSWER_MS = 1000;

/** A process that uses the log, as the others see it. */
export interface Peer {
  readonly number: number;
  /** What it has counted with the others. */
  readonly holder: Holder;
  /** What it has counted of its own. */
  readonly told: NamedCounts;
  /** What is to be appended when it is gone. */
  readonly left: LeftEvents;
  /** Asks it on behalf of another one. Resolves to undefined if it does not answer. */
  query(question: unknown): Promise<unknown>;
  /** Sends it a message that it may do without. */
  inform(message: Buffer): void;
}

/** What the processes that use a log have together, in the process of the log. */
export class HostPeers {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #present: ReadonlySet<Peer>;
  readonly #counts = new SharedCounts();
  readonly #gone = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #since: number;
  /** How many events the log has handed over. */
  events = 0;

  /** @param present those that are connected */
  constructor(log: EventLog, clock: Clock, present: ReadonlySet<Peer>) {
    this.#log = log;
    this.#clock = clock;
    this.#since = clock.now();
    this.#present = present;
  }

  /** Resolves to the answers of the others that have come in time. */
  async ask(asking: Peer, question: unknown): Promise<readonly unknown[]> {
    const others = [...this.#present].filter((each) => each !== asking);
    if (others.length === 0) return [];
    const answers: unknown[] = [];
    let timer: unknown;
    await Promise.race([
      Promise.all(
        others.map(async (other) => {
          const answer = await other.query(question);
          if (answer !== undefined) answers.push(answer);
        }),
      ),
      new Promise<void>((resolve) => {
        timer = this.#clock.setTimeout(resolve, ANSWER_MS);
      }),
    ]);
    this.#clock.clearTimeout(timer);
    // One that comes later is not of this answer.
    return [...answers];
  }

  tell(telling: Peer, news: unknown): void {
    this.#inform(telling, encodeMessage({ is: 'told', news }));
  }

  count({ holder }: Peer, changes: readonly CountChange[]): readonly RefusedChange[] {
    return this.#counts.change(holder, changes);
  }

  record(asking: Peer): PeersRecord {
    const others = [...this.#present].filter((each) => each !== asking);
    return {
      upMs: this.#clock.now() - this.#since,
      events: this.events,
      log: this.#log.totals?.(),
      told: others.map(({ number, told }) => [number, told] as const),
      gone: Object.fromEntries(this.#gone),
    };
  }

  /** A process is gone, and nothing that it has counted with the others is left. */
  leaves(peer: Peer): void {
    this.#counts.drop(peer.holder);
    for (const [name, count] of Object.entries(peer.told)) this.#gone.set(name, (this.#gone.get(name) ?? 0) + count);
    this.#inform(peer, encodeMessage({ is: 'gone', number: peer.number }));
    void peer.left.append(this.#log, this.#clock, this.#closing.signal);
  }

  /** The log is served no longer, and nothing is appended any more. */
  close(): void {
    this.#closing.abort();
  }

  #inform(from: Peer, message: Buffer): void {
    for (const peer of this.#present) if (peer !== from) peer.inform(message);
  }
}
