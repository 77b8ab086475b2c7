import {
  isSearchedByTopic,
  LastSearch,
  ListSearch,
  NewestFirst,
  newestFor,
  Selector,
  TopicSearch,
  TopicSearches,
  type AskOptions,
  type LogEntry,
  type LogTime,
  type Place,
  type ScanOptions,
  type Selection,
  type Since,
  type Turn,
} from '@tidings/server/log';
import type { HeadRecord, LmdbStore } from '../tables/store.ts';
import type { LmdbTopics } from '../tables/topics.ts';
import type { LmdbReader } from './reader.ts';

/** Where a log ends when it is asked. */
export interface LogEnd {
  readonly head: HeadRecord;
  /** The count of the log's trims. */
  readonly trims: number;
}

interface SearchParts {
  readonly store: LmdbStore;
  readonly reader: LmdbReader;
  readonly topics: LmdbTopics;
  readonly time: LogTime;
  /** Runs a search, in turns with all other searches. */
  readonly look: <T>(work: (turn: Turn) => T | undefined, options: ScanOptions) => Promise<T>;
}

/** Finds places among the events of a store. */
export class LmdbSearch {
  readonly #parts: SearchParts;
  readonly #searches = new TopicSearches();

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  async locate(id: string, selection: Selection | undefined, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { store, reader, look } = this.#parts;
    const { seq: head, publicSeq } = end.head;
    const seqOf = async (named: string): Promise<number | undefined> => {
      const search = { id: named, selection, after: 0, through: head };
      const { seq } = await look((turn) => reader.searchId(search, turn), { signal, isShort: true });
      return seq;
    };
    const log = { head, trims: end.trims };
    return await store.epochs.locate(id, log, seqOf, newestFor(selection, head, publicSeq));
  }

  async locateLast(selection: Selection, count: number, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { reader, topics, look } = this.#parts;
    const { seq: head, publicSeq, events } = end.head;
    const newest = newestFor(selection, head, publicSeq);
    const selector = Selector.of(selection);
    const { topics: selected, types } = selector;
    if (count === 0) return { after: newest, head, trims: end.trims };
    const search = new LastSearch(selector, count, newest);
    const place = (): Place => ({ after: search.after, head, trims: end.trims });
    let ranges = selected.isExact ? reader.rows.upTo(selector, newest) : undefined;
    return await this.#searches.during(isSearchedByTopic(selector), async (mayUseTopics) => {
      if (mayUseTopics) {
        const among = new TopicSearch(topics.searched(selected), newest);
        await look((turn) => among.goOn(selected, turn) || undefined, { signal });
        if (types && among.isLessByType(types.size)) {
          const byType = new ListSearch(among.found, types.size, (topic) => reader.rows.lastOf(topic, types));
          await look((turn) => byType.goOn(turn) || undefined, { signal });
          ranges = byType.found;
        } else {
          ranges = among.result(events)?.map((topic) => reader.rows.allOf(topic)) ?? ranges;
        }
      }
      const rows = ranges && new NewestFirst(ranges, (...asked) => reader.rows.newestOf(...asked));
      const goOn = (turn: Turn): boolean => {
        if (!rows) return search.goOn(reader.falling(search.through), turn);
        return search.goOnIn(rows, (seq) => reader.at(seq), turn);
      };
      await look((turn) => goOn(turn) || undefined, { signal, isShort: selected.isExact });
      if (rows) reader.found.keep(selector, search.found, search.after, newest);
      return place();
    });
  }

  async locateSince(selection: Selection, since: Since, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { reader, time, look } = this.#parts;
    const { seq: head, publicSeq } = end.head;
    const timeOf = (entry: LogEntry): number => time.of(entry);
    const search = { timeOf, since: time.since(since), after: 0, through: head };
    await look((turn) => reader.searchSince(search, turn) || undefined, { signal, isShort: true });
    return { after: Math.min(search.after, newestFor(selection, head, publicSeq)), head, trims: end.trims };
  }
}
