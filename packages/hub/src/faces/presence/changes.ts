import {
  BEGINNING,
  comparePlaces,
  type ListedListener,
  type ListedObserver,
  type ListedPage,
  type ListedWatch,
  type ListenerPlace,
} from './listed.ts';

/** What has become of a listener. */
export type Change = 'opened' | 'closed';

/** What a reader is told next of the listeners of a topic: first what has changed. */
export interface ToldNext {
  readonly changes: readonly (readonly [ListedListener, Change])[];
  /** Then a page; undefined if it has been told all of them. One behind {@link BEGINNING} takes the place of all that it was told. */
  readonly page?: { readonly after: ListenerPlace; readonly page: ListedPage };
}

/**
 * Guards the memory: of a topic with more changes than this, which a reader has not been told yet, it is told anew who listens.
 */
const MAX_CHANGES = 1000;

interface Noted {
  readonly listed: ListedListener;
  readonly sum: number;
}

/** What a reader has not been told yet of the listeners of a topic. It is told who listens in pages, and meanwhile and afterwards what has changed. */
export class Changes implements ListedObserver {
  /** Up to which place the reader has been told the listeners; undefined if all. Those behind it are on the pages that are to come. */
  #through: ListenerPlace | undefined = BEGINNING;
  /** How often each has come since then, less how often it has gone: for a moment one that changes its patterns is there twice. */
  readonly #changes = new Map<string, Noted>();
  readonly #max: number;

  /** @param max how many changes are kept */
  constructor(max: number = MAX_CHANGES) {
    this.#max = max;
  }

  /** Whether all that the reader was told is to be replaced by new pages. */
  get isAnew(): boolean {
    return this.#through === BEGINNING;
  }

  /** Whether nothing is known that the reader has to be told. */
  get isTold(): boolean {
    return this.#through === undefined && this.#changes.size === 0;
  }

  onCome(listed: ListedListener): void {
    this.#note(listed, 1);
  }

  onGo(listed: ListedListener): void {
    this.#note(listed, -1);
  }

  /** All that the reader was told is replaced by new pages. */
  onAnew(): void {
    this.#changes.clear();
    this.#through = BEGINNING;
  }

  /** What there is to tell, which counts as told from now on. @param limit how many listeners a page has */
  next(watch: Pick<ListedWatch, 'page'>, limit: number): ToldNext {
    const changes = [...this.#changes.values()].map(
      ({ listed, sum }) => [listed, sum > 0 ? 'opened' : 'closed'] as const,
    );
    this.#changes.clear();
    const after = this.#through;
    if (after === undefined) return { changes };
    const page = watch.page(after, limit);
    this.#through = page.isLast ? undefined : (page.listeners.at(-1) ?? after);
    return { changes, page: { after, page } };
  }

  #note(listed: ListedListener, step: 1 | -1): void {
    if (this.#through && comparePlaces(listed, this.#through) > 0) return;
    const key = `${listed.process} ${listed.number}`;
    const sum = (this.#changes.get(key)?.sum ?? 0) + step;
    // Who has come and gone again, or has only changed its patterns, is nothing to tell.
    if (sum === 0) this.#changes.delete(key);
    // The reader is too slow.
    else if (this.#changes.size >= this.#max && !this.#changes.has(key)) this.onAnew();
    else this.#changes.set(key, { listed, sum });
  }
}
