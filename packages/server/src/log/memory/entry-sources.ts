import type { LogEntry } from '../entry.ts';
import type { EntryList } from '../keeping/entry-list.ts';
import { mergeBySeq } from '../keeping/merge.ts';
import type { RecentTopics } from '../keeping/recent-topics.ts';
import type { SelectedTopic } from '../keeping/topic-search.ts';
import type { Selector } from '../selection.ts';
import type { KeptTopic } from './kept-topic.ts';
import type { EntrySource } from './type-lists.ts';

/** A list of entries, and the sequence number past which it has none. */
export interface LastSource {
  readonly source: EntrySource;
  readonly last: number;
}

/** Finds the lists in which the entries of a selection are: those of topics, of types of topics, or the one of all entries. */
export class EntrySources {
  readonly #topics: RecentTopics<KeptTopic>;
  readonly #all: EntryList;

  constructor(topics: RecentTopics<KeptTopic>, all: EntryList) {
    this.#topics = topics;
    this.#all = all;
  }

  /** Entries after a sequence number, oldest first, which include all selected ones. */
  rising(selector: Selector, after: number): Iterable<LogEntry> {
    return merged(this.#shorterOf(selector, after), 'rising', (source) => source.rising(after));
  }

  /** The lists of exact topics that hold all entries of a selection up to a sequence number. */
  upTo({ topics, types }: Selector, last: number): LastSource[] {
    return this.#sourcesOf(topics.exact, types).map((source) => ({ source, last }));
  }

  /** The lists of a topic that have entries of some types, or of all, up to the last that is wanted of it. */
  lastOf({ topic, last }: SelectedTopic, types?: ReadonlySet<string>): LastSource[] {
    const sources = this.#topics.get(topic)?.sourcesOf(types) ?? [];
    if (!types) return sources.map((source) => ({ source, last }));
    return sources.flatMap((source) => {
      const [newest] = source.falling(last);
      return newest ? { source, last: newest.seq } : [];
    });
  }

  #sourcesOf(topics: Iterable<string>, types: ReadonlySet<string> | undefined): EntrySource[] {
    return [...topics].flatMap((name) => this.#topics.get(name)?.sourcesOf(types) ?? []);
  }

  /** The lists that hold all entries of a selection, or the one of all entries if that is less work to go through. */
  #shorterOf({ topics, types }: Selector, after: number): readonly EntrySource[] {
    if (!topics.isExact) return [this.#all];
    const sources = this.#sourcesOf(topics.exact, types);
    const length = sources.reduce((sum, source) => sum + source.countAfter(after), 0);
    return length * Math.log2(sources.length) > this.#all.countAfter(after) ? [this.#all] : sources;
  }
}

function merged<T>(
  sources: readonly T[],
  order: 'rising' | 'falling',
  entriesOf: (source: T) => Iterable<LogEntry>,
): Iterable<LogEntry> {
  const [first] = sources;
  if (first !== undefined && sources.length === 1) return entriesOf(first);
  return mergeBySeq(sources.map(entriesOf), seqOf, order);
}

function seqOf(entry: LogEntry): number {
  return entry.seq;
}

/** Leaves out what nobody is given any more. */
export function* visibleOf(
  entries: Iterable<LogEntry>,
  visible: (entry: LogEntry) => LogEntry | undefined,
): Iterable<LogEntry> {
  for (const entry of entries) {
    const seen = visible(entry);
    if (seen) yield seen;
  }
}
