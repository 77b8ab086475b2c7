import { PresentList } from '@tidings/server/live';
import {
  type ListedListener,
  type ListedObserver,
  type ListedPage,
  type ListenerPlace,
  mergePages,
  numberBehind,
} from './listed.ts';
import type { SentListener, TopicNews } from './watch-messages.ts';

/** Those of one process. */
interface Part {
  readonly list: PresentList;
  /** The numbers of those that were told before pages began to tell all anew, and have not been on one of them. */
  stale: Set<number> | undefined;
}

/** Who listens to a topic at the other processes, as far as they have told it. */
export class Mirror {
  readonly observers: Set<ListedObserver> = new Set();
  readonly #parts = new Map<number, Part>();
  /** Whether the others were asked about this topic. */
  isAsked = false;

  /** Those behind a place. */
  page(after: ListenerPlace, limit: number): ListedPage {
    const pages = [...this.#parts].map(([process, { list }]): ListedPage => {
      const listeners: ListedListener[] = [];
      // One more than the page holds says whether others follow.
      list.copy(numberBehind(process, after), Number.POSITIVE_INFINITY, limit + 1, listeners);
      const isLast = listeners.length <= limit;
      return { count: list.size, listeners: listeners.slice(0, limit), isLast };
    });
    return mergePages(pages, limit);
  }

  take(process: number, { opened, closed, page }: TopicNews): void {
    const part = this.#partOf(process);
    for (const sent of opened) this.#come(process, part, sent);
    for (const number of closed) this.#go(part, number);
    if (!page) return;
    if (page.isFirst) part.stale = numbersOf(part.list);
    for (const sent of page.listeners) {
      part.stale?.delete(sent[0]);
      this.#come(process, part, sent);
    }
    if (!page.isLast) return;
    for (const number of part.stale ?? []) this.#go(part, number);
    part.stale = undefined;
  }

  /** A process is gone with its listeners. */
  drop(process: number): void {
    const part = this.#parts.get(process);
    if (!part) return;
    for (const number of numbersOf(part.list)) this.#go(part, number);
    this.#parts.delete(process);
  }

  /** The others have other numbers. */
  clear(): void {
    this.#parts.clear();
    this.isAsked = false;
    for (const observer of this.observers) observer.onAnew();
  }

  #partOf(process: number): Part {
    const known = this.#parts.get(process);
    if (known) return known;
    const part: Part = { list: new PresentList(), stale: undefined };
    this.#parts.set(process, part);
    return part;
  }

  #come(process: number, { list }: Part, [number, since, subject]: SentListener): void {
    if (find(list, number)) return;
    const listed: ListedListener = { process, number, since, subject };
    list.add(listed);
    for (const observer of this.observers) observer.onCome(listed);
  }

  #go({ list }: Part, number: number): void {
    const listed = find(list, number);
    if (!listed) return;
    list.delete(listed);
    for (const observer of this.observers) observer.onGo(listed);
  }
}

function find(list: PresentList, number: number): ListedListener | undefined {
  const [found] = copyOf(list, number - 1, number);
  return found;
}

function numbersOf(list: PresentList): Set<number> {
  return new Set(copyOf(list, 0, Number.POSITIVE_INFINITY).map(({ number }) => number));
}

function copyOf(list: PresentList, after: number, through: number): ListedListener[] {
  const found: ListedListener[] = [];
  // Nothing else is put into it.
  list.copy(after, through, Number.POSITIVE_INFINITY, found);
  return found;
}
