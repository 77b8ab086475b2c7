import type { Processes } from '../../processes/processes.ts';
import { BEGINNING } from './listed.ts';
import { Changes } from './changes.ts';
import type { ListedWatch } from './listed.ts';
import type { LocalListeners } from './local-listeners.ts';
import { sentListener, type TopicNews, WATCH, type WatchAnswer, type WatchQuestion } from './watch-messages.ts';

/** How many listeners one answer tells of, about. */
const MAX_TOLD = 5000;

/** How many of them are of one topic. */
const PAGE_LISTENERS = 1000;

interface Watched {
  readonly watch: ListedWatch;
  readonly changes: Changes;
}

/** A process that watches who listens here. */
interface Watcher {
  readonly topics: Map<string, Watched>;
  answer: number;
  isBusy: boolean;
}

/** Tells the other processes who listens here, as far as they watch that. What they have not been told is kept for each, and bounded as for a reader. */
export class Watchers {
  readonly #local: LocalListeners;
  readonly #processes: Processes;
  readonly #watchers = new Map<number, Watcher>();

  constructor(local: LocalListeners, processes: Processes) {
    this.#local = local;
    this.#processes = processes;
  }

  /** Answers them from now on. */
  serve(): void {
    const processes = this.#processes;
    processes.onAsk(WATCH, (question: WatchQuestion) => this.#answer(question));
    processes.onGone((process) => {
      for (const each of process === undefined ? [...this.#watchers.keys()] : [process]) this.#forget(each);
    });
  }

  async #answer({ process, topics, seen }: WatchQuestion): Promise<WatchAnswer | undefined> {
    if (topics.length === 0) {
      this.#forget(process);
      return undefined;
    }
    const known = this.#watchers.get(process);
    const watcher = known ?? { topics: new Map<string, Watched>(), answer: 0, isBusy: false };
    // The answer before this one has come too late.
    if (watcher.isBusy) return undefined;
    this.#watchers.set(process, watcher);
    const [, last] = seen.find(([each]) => each === this.#processes.number) ?? [];
    if (last !== watcher.answer) for (const { changes } of watcher.topics.values()) changes.onAnew();
    this.#watch(watcher, topics);
    watcher.isBusy = true;
    try {
      const all = [...watcher.topics];
      await Promise.all(all.map(([, { watch }]) => watch.refresh()));
      watcher.answer += 1;
      return { process: this.#processes.number, answer: watcher.answer, ...newsOf(all) };
    } finally {
      watcher.isBusy = false;
    }
  }

  #watch({ topics: watched }: Watcher, topics: readonly string[]): void {
    const asked = new Set(topics);
    for (const [topic, { watch }] of watched) {
      if (asked.has(topic)) continue;
      watch.end();
      watched.delete(topic);
    }
    for (const topic of asked) {
      if (watched.has(topic)) continue;
      const changes = new Changes();
      watched.set(topic, { changes, watch: this.#local.watch(topic, changes) });
    }
  }

  #forget(process: number): void {
    for (const { watch } of this.#watchers.get(process)?.topics.values() ?? []) watch.end();
    this.#watchers.delete(process);
  }
}

/** What there is to tell, up to a bound. What is left is told by the next answer. */
function newsOf(watched: readonly (readonly [string, Watched])[]): Pick<WatchAnswer, 'news' | 'hasMore'> {
  const news: TopicNews[] = [];
  let left = MAX_TOLD;
  for (const [topic, { watch, changes }] of watched) {
    if (changes.isTold) continue;
    if (left <= 0) break;
    const told = changes.next(watch, Math.min(PAGE_LISTENERS, left));
    const opened = told.changes.flatMap(([listed, change]) => (change === 'opened' ? [sentListener(listed)] : []));
    const closed = told.changes.flatMap(([listed, change]) => (change === 'closed' ? [listed.number] : []));
    left -= told.changes.length;
    if (!told.page) {
      news.push({ topic, opened, closed });
      continue;
    }
    const { after, page } = told.page;
    const listeners = page.listeners.map(sentListener);
    left -= listeners.length;
    news.push({ topic, opened, closed, page: { isFirst: after === BEGINNING, listeners, isLast: page.isLast } });
  }
  return { news, hasMore: watched.some(([, { changes }]) => !changes.isTold) };
}
