import { signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import { searchUrl } from './address.ts';
import { authorization } from './hub-key.ts';
import { readDirectory } from './topic-directory.ts';
import type { TopicDirectory, TopicSummary } from './topic-directory.ts';

/** How long nothing is typed before the hub is asked, in milliseconds. */
const SETTLED_MS = 200;

/** Asks the hub for topics that are not in the list, which holds the newest ones only. */
export class TopicSearch {
  readonly #base: string;
  readonly #found: Signal<readonly TopicSummary[]> = signal([]);
  #asked = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = new AbortController();

  constructor(base: string) {
    this.#base = base;
  }

  /** The topics whose names begin with the text that was asked for last. */
  get found(): ReadonlySignal<readonly TopicSummary[]> {
    return this.#found;
  }

  /** Looks for topics whose names begin with a text; an empty one finds none. */
  ask(prefix: string): void {
    if (prefix === this.#asked) return;
    this.#asked = prefix;
    clearTimeout(this.#timer);
    this.#asking.abort();
    const { signal: stopped } = (this.#asking = new AbortController());
    this.#found.value = [];
    if (prefix === '') return;
    this.#timer = setTimeout(() => {
      void fetchDirectory(searchUrl(this.#base, prefix), stopped).then((directory) => {
        if (!stopped.aborted) this.#found.value = directory?.topics ?? [];
      });
    }, SETTLED_MS);
  }
}

/**
 * A list of topics; undefined if the hub does not give it.
 * @param stopped ends the request
 */
export async function fetchDirectory(url: string, stopped?: AbortSignal): Promise<TopicDirectory | undefined> {
  try {
    const response = await fetch(url, {
      headers: { ...authorization(), Accept: 'application/json' },
      ...(stopped ? { signal: stopped } : {}),
    });
    return response.ok ? readDirectory(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}
