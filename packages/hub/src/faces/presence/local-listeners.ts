import type { Clock, FanOut, Present, PresencePage } from '@tidings/server/live';
import type { Processes } from '../../processes/processes.ts';
import {
  type ListedListener,
  type ListedObserver,
  type ListedPage,
  type ListedWatch,
  type ListenerPlace,
  numberBehind,
} from './listed.ts';

export interface LocalParts {
  readonly fanOut: Pick<FanOut, 'presence'>;
  readonly clock: Clock;
  readonly processes: Pick<Processes, 'number'>;
}

/** The listeners of this process, with the places that they have among those of all. */
export class LocalListeners {
  readonly #parts: LocalParts;
  /** What the time is ahead of the time that only runs forward, in milliseconds, so that a listener has the same time on every page. */
  readonly aheadMs: number;

  constructor(parts: LocalParts) {
    this.#parts = parts;
    this.aheadMs = parts.clock.time() - parts.clock.now();
  }

  async page(topic: string, after: ListenerPlace, limit: number): Promise<ListedPage> {
    const { presence } = this.#parts.fanOut;
    return this.#listedPage(await presence.page(topic, this.#behind(after), limit));
  }

  watch(topic: string, observer: ListedObserver): ListedWatch {
    const watch = this.#parts.fanOut.presence.watch(topic, {
      onCome: (present) => observer.onCome(this.#listed(present)),
      onGo: (present) => observer.onGo(this.#listed(present)),
    });
    return {
      refresh: () => watch.refresh(),
      page: (after, limit) => this.#listedPage(watch.page(this.#behind(after), limit)),
      end: () => watch.end(),
    };
  }

  #behind(after: ListenerPlace): number {
    return numberBehind(this.#parts.processes.number, after);
  }

  #listedPage({ count, listeners, isLast }: PresencePage): ListedPage {
    return { count, isLast, listeners: listeners.map((present) => this.#listed(present)) };
  }

  #listed({ number, subject, since }: Present): ListedListener {
    return { process: this.#parts.processes.number, number, subject, since: since + this.aheadMs };
  }
}
