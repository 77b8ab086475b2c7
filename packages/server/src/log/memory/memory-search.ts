import { type Epochs, newestFor } from '../epochs.ts';
import type { AskOptions, Place } from '../event-log.ts';
import type { LogTime } from '../keeping/log-time.ts';
import { isSelected } from '../keeping/scan.ts';
import { type SelectedTopic, TopicSearch, TopicSearches } from '../keeping/topic-search.ts';
import { ENTRY_STEPS, type Turn, type Turns } from '../keeping/turns.ts';
import { Selector, type Selection } from '../selection.ts';
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
  readonly #searches = new TopicSearches();

  constructor(parts: SearchParts) {
    this.#parts = parts;
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
    const { isAll, isExact } = selector.topics;
    const { head, publicHead, trims } = end;
    let after = newestFor(selection, head, publicHead);
    let found = 0;
    let through = after;
    let topics: readonly SelectedTopic[] | undefined;
    const look = (turn: Turn): Place | undefined => {
      const entries = topics ? kept.fallingOf(topics, through) : kept.falling(selector, through);
      for (const entry of found < count ? entries : []) {
        const selected = isSelected(selector, entry, turn);
        if (selected === undefined) return undefined;
        through = entry.seq - 1;
        if (selected) {
          found += 1;
          after = through;
        }
        if (found === count) break;
        if (turn.isOver) return undefined;
      }
      return { after, head, trims };
    };
    return await this.#searches.during(!isAll && !isExact && count > 0, async (mayUseTopics) => {
      if (mayUseTopics) {
        const search = new TopicSearch(kept.searched(), through);
        await turns.run((turn) => search.goOn(selector.topics, turn) || undefined, { signal });
        topics = search.result(kept.length);
      }
      return await turns.run(look, { signal, isShort: isExact });
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
