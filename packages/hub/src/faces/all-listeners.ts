import type { Audience, Clock, FanOut } from '@tidings/server/live';
import type { Peers } from '@tidings/server/log/remote';

/** The place of a listener among those of all processes of a hub. */
export interface ListenerPlace {
  /** The number of its process; 0 for a hub of one process. */
  readonly process: number;
  /** Its number there. */
  readonly number: number;
}

/** A listener as others are told of it. */
export interface ListedListener extends ListenerPlace {
  readonly subject?: string | undefined;
  /** When it came, milliseconds since 1970. */
  readonly since: number;
}

/** Those who listen to a topic, or some of them: those of one process after the other. */
export interface ListedPage {
  /** How many listen to the topic. */
  readonly count: number;
  readonly listeners: readonly ListedListener[];
  /** Whether no others follow. */
  readonly isLast: boolean;
}

/** What one process of a hub asks the others. */
type Question =
  | { readonly what: 'count' }
  | { readonly what: 'counts'; readonly topics: readonly string[] }
  | { readonly what: 'page'; readonly topic: string; readonly after: ListenerPlace; readonly limit: number }
  /** Not asked, but told: a listener has come with this ticket, at this time in milliseconds since 1970. */
  | { readonly what: 'ticket'; readonly ticket: string; readonly time: number };

export interface AllListenersParts {
  readonly fanOut: FanOut;
  readonly audience: Pick<Audience, 'dropTicket'>;
  readonly clock: Clock;
  /** The other processes of the hub; undefined if there are none. */
  readonly peers: Peers | undefined;
}

/** The listeners of all processes of a hub. A process that does not answer within a second is left out. */
export class AllListeners {
  readonly #parts: AllListenersParts;
  /** Those of the others, as they are being counted. Who asks meanwhile waits for the next count. */
  #counting: Promise<number> | undefined;
  #countingNext: Promise<number> | undefined;

  /** What the time is ahead of the time that only runs forward, in milliseconds, so that a listener has the same time on every page. */
  readonly aheadMs: number;

  constructor(parts: AllListenersParts) {
    this.#parts = parts;
    this.aheadMs = aheadOf(parts.clock);
    parts.peers?.onAsk((question) => this.#answer(question as Question));
  }

  /** Whether there are no other processes. */
  get isAlone(): boolean {
    return this.#parts.peers === undefined;
  }

  /** The number of this process. */
  get process(): number {
    return this.#parts.peers?.number ?? 0;
  }

  /** What all processes have together; undefined if there is only this one. */
  get secret(): Uint8Array | undefined {
    return this.#parts.peers?.secret;
  }

  /** How many listeners there are. However often it is asked, the others are asked once at a time. */
  async count(): Promise<number> {
    const { peers, fanOut } = this.#parts;
    return fanOut.listeners + (peers ? await this.#countOthers(peers) : 0);
  }

  /** How many listeners would get a public event of each topic. */
  async counts(topics: readonly string[]): Promise<readonly number[]> {
    const { peers, fanOut } = this.#parts;
    const [own, ...others] = await Promise.all([
      fanOut.listenersOfEach(topics),
      ...(peers ? [peers.ask({ what: 'counts', topics })] : []),
    ]);
    const all = (others.flat() as (readonly number[])[]).concat([own]);
    return topics.map((_, index) => all.reduce((sum, each) => sum + (each[index] ?? 0), 0));
  }

  /** Those who listen to a topic, behind a place. */
  async page(topic: string, after: ListenerPlace, limit: number): Promise<ListedPage> {
    const { peers } = this.#parts;
    const question: Question = { what: 'page', topic, after, limit };
    const [own, others = []] = await Promise.all([this.#pageHere(question), peers?.ask(question)]);
    const pages = [own, ...(others as ListedPage[])];
    const found = pages.flatMap(({ listeners }) => listeners).toSorted(inOrder);
    const listeners = found.slice(0, limit);
    return {
      count: pages.reduce((sum, { count }) => sum + count, 0),
      listeners,
      isLast: listeners.length === found.length && pages.every(({ isLast }) => isLast),
    };
  }

  /** Tells the others that a listener has come with a ticket, whose place at another process it takes. */
  tookTicket(ticket: string, since: number): void {
    const question: Question = { what: 'ticket', ticket, time: since + this.aheadMs };
    void this.#parts.peers?.ask(question);
  }

  #countOthers(peers: Peers): Promise<number> {
    const ask = async (): Promise<number> => {
      const counts = (await peers.ask({ what: 'count' } satisfies Question)) as readonly number[];
      return counts.reduce((sum, count) => sum + count, 0);
    };
    if (!this.#counting) {
      this.#counting = ask().finally(() => {
        this.#counting = undefined;
      });
      return this.#counting;
    }
    // What is being counted may have been counted before the call.
    this.#countingNext ??= this.#counting.then(() => {
      this.#countingNext = undefined;
      return this.#countOthers(peers);
    });
    return this.#countingNext;
  }

  #answer(question: Question): unknown {
    const { fanOut, audience } = this.#parts;
    switch (question.what) {
      case 'count':
        return fanOut.listeners;
      case 'counts':
        return fanOut.listenersOfEach(question.topics);
      case 'page':
        return this.#pageHere(question);
      case 'ticket':
        return audience.dropTicket(question.ticket, question.time - this.aheadMs);
    }
  }

  /** The part of a page that is of this process. */
  async #pageHere({ topic, after, limit }: Extract<Question, { readonly what: 'page' }>): Promise<ListedPage> {
    const { fanOut } = this.#parts;
    const { process, aheadMs } = this;
    const behind = process < after.process ? Number.MAX_SAFE_INTEGER : process === after.process ? after.number : 0;
    const { count, listeners, isLast } = await fanOut.presence.page(topic, behind, limit);
    const listed = listeners.map(({ number, subject, since }) => ({
      process,
      number,
      subject,
      since: since + aheadMs,
    }));
    return { count, listeners: listed, isLast };
  }
}

/** What the time is ahead of the time that only runs forward. */
export function aheadOf(clock: Clock): number {
  return clock.time() - clock.now();
}

function inOrder(one: ListenerPlace, other: ListenerPlace): number {
  return one.process - other.process || one.number - other.number;
}
