import type { Audience, Clock, FanOut } from '@tidings/server/live';
import type { Processes } from '../../processes/processes.ts';
import { type ListedObserver, type ListedPage, type ListedWatch, type ListenerPlace, mergePages } from './listed.ts';
import { LocalListeners } from './local-listeners.ts';
import { Mirrors } from './mirrors.ts';
import { Watchers } from './watchers.ts';

// What one process of a hub asks the others, and tells them.
const COUNTS = 'counts';
const PAGE = 'page';
const TICKET = 'ticket';

interface PageQuestion {
  readonly topic: string;
  readonly after: ListenerPlace;
  readonly limit: number;
}

/** A listener has come with this ticket, at this time in milliseconds since 1970. */
interface TicketNews {
  readonly ticket: string;
  readonly time: number;
}

export interface AllListenersParts {
  readonly fanOut: FanOut;
  readonly audience: Pick<Audience, 'dropTicket'>;
  readonly clock: Clock;
  readonly processes: Processes;
}

/** The listeners of all processes of a hub. A process that does not answer within a second is left out. */
export class AllListeners {
  readonly #parts: AllListenersParts;
  readonly #local: LocalListeners;
  readonly #mirrors: Mirrors;

  constructor(parts: AllListenersParts) {
    const { processes, clock, fanOut, audience } = parts;
    this.#parts = parts;
    this.#local = new LocalListeners(parts);
    this.#mirrors = new Mirrors(processes, clock);
    new Watchers(this.#local, processes).serve();
    processes.onAsk(COUNTS, (topics: readonly string[]) => fanOut.listenersOfEach(topics));
    processes.onAsk(PAGE, ({ topic, after, limit }: PageQuestion) => this.#local.page(topic, after, limit));
    processes.onTell(TICKET, ({ ticket, time }: TicketNews) => audience.dropTicket(ticket, time - this.#local.aheadMs));
  }

  /** How many listeners would get a public event of each topic. */
  async counts(topics: readonly string[]): Promise<readonly number[]> {
    const { processes, fanOut } = this.#parts;
    const [own, others] = await Promise.all([
      fanOut.listenersOfEach(topics),
      processes.ask<readonly number[]>(COUNTS, topics),
    ]);
    const all = [own, ...others];
    return topics.map((_, index) => all.reduce((sum, each) => sum + (each[index] ?? 0), 0));
  }

  /** Those who listen to a topic, behind a place. */
  async page(topic: string, after: ListenerPlace, limit: number): Promise<ListedPage> {
    const question: PageQuestion = { topic, after, limit };
    const [own, others] = await Promise.all([
      this.#local.page(topic, after, limit),
      this.#parts.processes.ask<ListedPage>(PAGE, question),
    ]);
    return mergePages([own, ...others], limit);
  }

  /** Tells an observer of the listeners of a topic that come and go from now on. */
  watch(topic: string, observer: ListedObserver): ListedWatch {
    const here = this.#local.watch(topic, observer);
    if (this.#parts.processes.isAlone) return here;
    const there = this.#mirrors.watch(topic, observer);
    return {
      refresh: async () => void (await Promise.all([here.refresh(), there.refresh()])),
      page: (after, limit) => mergePages([here.page(after, limit), there.page(after, limit)], limit),
      end() {
        here.end();
        there.end();
      },
    };
  }

  /** Tells the others that a listener has come with a ticket, whose place at another process it takes. */
  tookTicket(ticket: string, since: number): void {
    this.#parts.processes.tell(TICKET, { ticket, time: since + this.#local.aheadMs } satisfies TicketNews);
  }
}
