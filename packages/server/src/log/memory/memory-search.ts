import { type Epochs, newestFor } from '../epochs.ts';
import type { AskOptions, LogPage, Place, ReadRequest } from '../event-log.ts';
import { FoundEvents } from '../keeping/found-events.ts';
import { NewestFirst } from '../keeping/newest-first.ts';
import type { LogTime } from '../keeping/log-time.ts';
import { isSelected, takePage } from '../keeping/scan.ts';
import { isSearchedByTopic, ListSearch, TopicSearch, TopicSearches } from '../keeping/topic-search.ts';
import { ENTRY_STEPS, type Turn, type Turns } from '../keeping/turns.ts';
import { Selector, type Selection } from '../selection.ts';
import { LastSearch } from '../keeping/last-search.ts';
import type { LastSource } from './entry-sources.ts';
import type { KeptEntries } from './kept-entries.ts';

/** Where a log ends when it is asked. */
export interface LogEnd {
  /** The sequence numbers of the newest event and of the newest public one. */
  readonly head: number;
  readonly publicHead: number;
  /** The count of the log's trims. */
  readonly trims: number;
}

interface SearchParts {
  readonly kept: KeptEntries;
  readonly time: LogTime;
  readonly turns: Turns;
  readonly epochs: Epochs;
}

/** Finds places among the entries of a log in memory, in turns with all other searches. */
export class MemorySearch {
  readonly #parts: SearchParts;
  readonly #found = new FoundEvents();
  readonly #searches = new TopicSearches();

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  /** As much of a page as the turn allows; undefined if that is nothing. */
  page(request: ReadRequest, turn: Turn): Pick<LogPage, 'entries' | 'through'> | undefined {
    const { selection, after } = request;
    const selector = Selector.of(selection);
    const known = this.#found.behind(selector, after);
    const through = Math.min(request.through, known?.through ?? Infinity);
    const { kept } = this.#parts;
    return takePage(known ? kept.at(known.seqs) : kept.rising(selector, after), { ...request, through }, turn);
  }

  async locate(id: string, selection: Selection | undefined, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { head, publicHead, trims } = end;
    const log = { head, trims };
    const selector = selection && Selector.of(selection);
    let after = 0;
    // Many events may have one id, also those of topics that are not selected.
    const look = (named: string, turn: Turn): { readonly seq: number | undefined } | undefined => {
      for (const entry of this.#parts.kept.withId(named, after)) {
        if (entry.seq > log.head) break;
        const selected = selector ? isSelected(selector, entry, turn) : true;
        if (selected) return { seq: entry.seq };
        if (selected === undefined) return undefined;
        after = entry.seq;
        if (turn.isOver) return undefined;
      }
      return { seq: undefined };
    };
    const seqOf = async (named: string): Promise<number | undefined> => {
      const { seq } = await this.#parts.turns.run((turn) => look(named, turn), { signal, isShort: true });
      return seq;
    };
    return await this.#parts.epochs.locate(id, log, seqOf, newestFor(selection, head, publicHead));
  }

  async locateLast(selection: Selection, count: number, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { kept, turns } = this.#parts;
    const selector = Selector.of(selection);
    const { topics, types } = selector;
    const { head, publicHead, trims } = end;
    const newest = newestFor(selection, head, publicHead);
    if (count === 0) return { after: newest, head, trims };
    const search = new LastSearch(selector, count, newest);
    const place = (): Place => ({ after: search.after, head, trims });
    let lists = topics.isExact ? kept.listsUpTo(selector, newest) : undefined;
    return await this.#searches.during(isSearchedByTopic(selector), async (mayUseTopics) => {
      if (mayUseTopics) {
        const among = new TopicSearch(kept.searched(topics), newest);
        await turns.run((turn) => among.goOn(topics, turn) || undefined, { signal });
        if (types && among.isLessByType(types.size)) {
          const byType = new ListSearch(among.found, types.size, (topic) => kept.listsOf(topic, types));
          await turns.run((turn) => byType.goOn(turn) || undefined, { signal });
          lists = byType.found;
        } else {
          lists = among.result(kept.length)?.flatMap((topic) => kept.listsOf(topic)) ?? lists;
        }
      }
      const rows = lists && new NewestFirst(lists, readFalling);
      const look = (turn: Turn): boolean => {
        if (!rows) return search.goOn(kept.falling(search.through), turn);
        return search.goOnIn(rows, (seq) => kept.at([seq]), turn);
      };
      await turns.run((turn) => look(turn) || undefined, { signal, isShort: topics.isExact });
      if (rows) this.#found.keep(selector, search.found, search.after, newest);
      return place();
    });
  }

  /** @param since the log's own time */
  locateSince(selection: Selection, since: number, end: LogEnd, { signal }: AskOptions): Promise<Place> {
    const { kept, time, turns } = this.#parts;
    const { head, publicHead, trims } = end;
    const newest = newestFor(selection, head, publicHead);
    let after = 0;
    const look = (turn: Turn): Place | undefined => {
      for (const entry of kept.since(since, after)) {
        turn.steps += ENTRY_STEPS;
        if (time.of(entry) >= since) return { after: Math.min(entry.seq - 1, newest), head, trims };
        after = entry.seq;
        if (turn.isOver) return undefined;
      }
      return { after: newest, head, trims };
    };
    return turns.run(look, { signal, isShort: true });
  }
}

function readFalling({ source }: LastSource, through: number, limit: number): number[] {
  const seqs: number[] = [];
  for (const { seq } of source.falling(through)) {
    seqs.push(seq);
    if (seqs.length === limit) break;
  }
  return seqs;
}
