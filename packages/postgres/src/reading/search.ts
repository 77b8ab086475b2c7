import {
  isSearchedByTopic,
  isSelected,
  LastSearch,
  newestFor,
  Selector,
  TopicSearch,
  TopicSearches,
  type AskOptions,
  type Epochs,
  type LogTime,
  type Place,
  type SearchedTopic,
  type Selection,
  type Since,
  type TopicRecord,
  type Turn,
} from '@tidings/server/log';
import { possibleOf, META_COLUMNS, metaEntryOf, type EventMeta } from '../records.ts';
import { atMost, type Ask } from '../store/connection.ts';
import { notAnswered } from '../store/failure.ts';
import {
  HEAD_COLUMNS,
  headOf,
  type Head,
  type HeadColumns,
  type Here,
  HERE_COLUMNS,
  isThere,
  lostOf,
  noHead,
} from '../store/head.ts';
import { finalIn, type ReaderParts } from './reader.ts';

// Events and topics that one statement gives.
const MAX_AT_ONCE = 2000;
const MAX_TOPICS_AT_ONCE = 10_000;

// How often it is asked where the log ends, if the head does not say where it is.
const MAX_ATTEMPTS = 3;

/** Where the log ends when it is asked, and what is remembered of the only topic that was asked for. */
interface End {
  readonly head: Head;
  readonly epochs: Epochs;
  readonly record: TopicRecord | undefined;
}

/** Finds places in the log. */
export class Search {
  readonly #parts: ReaderParts;
  readonly #time: LogTime;
  readonly #searches = new TopicSearches();

  constructor(parts: ReaderParts, time: LogTime) {
    this.#parts = parts;
    this.#time = time;
  }

  async locate(id: string, selection: Selection | undefined, { signal }: AskOptions): Promise<Place> {
    const end = await this.#end(selection, signal);
    const { head, epochs } = end;
    const log = this.#log(end);
    const selector = selection && Selector.of(selection);
    const seqOf = async (named: string): Promise<number | undefined> => {
      if (possibleOf([named]).length === 0) return undefined;
      for (let after = 0; ;) {
        const rows = await this.#metas(
          `where e.id = $1 and e.seq > $2 and e.seq <= $3 order by e.seq`,
          [named, after, head.seq],
          signal,
        );
        const seq = selector ? await this.#first(rows, selector, signal) : rows[0]?.seq;
        if (seq !== undefined || rows.length < MAX_AT_ONCE) return seq;
        after = rows.at(-1)?.seq ?? after;
      }
    };
    const place = await epochs.locate(id, log, seqOf, newestFor(selection, head.seq, head.state.publicSeq));
    return placed(place, end, selection);
  }

  async locateLast(selection: Selection, count: number, { signal }: AskOptions): Promise<Place> {
    const end = await this.#end(selection, signal);
    const newest = newestFor(selection, end.head.seq, end.head.state.publicSeq);
    const selector = Selector.of(selection);
    const search = new LastSearch(selector, count, newest);
    if (count > 0) {
      await this.#searches.during(isSearchedByTopic(selector) && !selector.topics.isAll, async (mayUseTopics) => {
        const { topics } = selector;
        const found = mayUseTopics && !topics.isExact ? await this.#topics(selector, end, newest, signal) : undefined;
        await this.#searchLast(search, count, found ?? (topics.isExact ? possibleOf(topics.exact) : undefined), signal);
      });
    }
    return placed({ after: search.after, ...this.#log(end) }, end, selection);
  }

  async locateSince(selection: Selection, since: Since, { signal }: AskOptions): Promise<Place> {
    const at = this.#time.since(since);
    const end = await this.#end(selection, signal);
    const newest = newestFor(selection, end.head.seq, end.head.state.publicSeq);
    const [first] = await this.#parts.readers.ask(
      (ask) => ask<{ seq: number }>('select seq from @events where at >= $1 order by at, seq limit 1', [at]),
      signal,
    );
    const after = first ? Math.min(first.seq - 1, newest) : newest;
    return placed({ after, ...this.#log(end) }, end, selection);
  }

  /** Goes back through events, those of some topics or all, until as many are found as are wanted. */
  async #searchLast(
    search: LastSearch,
    count: number,
    topics: readonly string[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const listed = topics && JSON.stringify(topics);
    const where =
      listed === undefined
        ? 'where e.seq <= $1 order by e.seq desc'
        : `where e.seq in (select distinct x.seq from json_array_elements_text($2::json) n(topic) cross join lateral
            (select t.seq from @event_topics t where t.topic = n.topic and t.seq <= $1 order by t.seq desc ${atMost(MAX_AT_ONCE)}) x
            order by x.seq desc limit ${MAX_AT_ONCE}) order by e.seq desc`;
    for (;;) {
      const rows = await this.#metas(where, listed === undefined ? [search.through] : [search.through, listed], signal);
      const entries = rows.map((row) => metaEntryOf(row));
      const goOn = (turn: Turn): true | undefined =>
        search.goOn(
          entries.filter(({ seq }) => seq <= search.through),
          turn,
        ) || undefined;
      await this.#parts.turns.run(goOn, { signal, isShort: listed !== undefined });
      if (rows.length < MAX_AT_ONCE || search.found.length >= count) return;
    }
  }

  /** The topics that patterns select; undefined if they have so many of the events that it is less work to go through all. */
  async #topics(
    selector: Selector,
    { head }: End,
    newest: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly string[] | undefined> {
    const topics: SearchedTopic[] = [];
    for (let after = ''; ;) {
      const rows = await this.#parts.readers.ask(
        (ask) =>
          ask<{ topic: string; events: number; last: number }>(
            `select topic, events, last_seq as last from @topics where topic > $1 order by topic ${atMost(MAX_TOPICS_AT_ONCE)}`,
            [after],
          ),
        signal,
      );
      for (const { topic, events, last } of rows) topics.push({ topic, events, lastSeq: last });
      const last = rows.at(-1);
      if (!last || rows.length < MAX_TOPICS_AT_ONCE) break;
      after = last.topic;
    }
    const among = new TopicSearch(topics, newest);
    await this.#parts.turns.run((turn) => among.goOn(selector.topics, turn) || undefined, { signal });
    return among.result(head.state.events)?.map(({ topic }) => topic);
  }

  /** The first of some events that is selected. */
  async #first(
    rows: readonly EventMeta[],
    selector: Selector,
    signal: AbortSignal | undefined,
  ): Promise<number | undefined> {
    let at = 0;
    const { seq } = await this.#parts.turns.run(
      (turn) => {
        for (let row = rows[at]; row; row = rows[at]) {
          const selected = isSelected(selector, metaEntryOf(row), turn);
          if (selected === true) return { seq: row.seq };
          if (selected === undefined) return undefined;
          at += 1;
          if (turn.isOver) return undefined;
        }
        return { seq: undefined };
      },
      { signal, isShort: true },
    );
    return seq;
  }

  #metas(where: string, values: readonly unknown[], signal: AbortSignal | undefined): Promise<EventMeta[]> {
    const statement = `select ${META_COLUMNS} from @events e ${where} ${atMost(MAX_AT_ONCE)}`;
    return this.#parts.readers.ask((ask) => ask<EventMeta & Record<string, unknown>>(statement, values), signal);
  }

  #log({ head }: End): Pick<Place, 'head' | 'trims'> {
    return { head: head.seq, trims: this.#parts.ledger.ledger.changes };
  }

  async #end(selection: Selection | undefined, signal: AbortSignal | undefined): Promise<End> {
    const name = selection && Selector.of(selection).topics.only;
    const [only] = possibleOf(name === undefined ? [] : [name]);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const end = await this.#parts.readers.ask((ask) => this.#endOf(ask, only), signal);
      if (end) return end;
      await this.#parts.onMoved();
    }
    // Connections of this node lead to different servers.
    throw notAnswered(new Error('the log is on another server than the one that was asked'));
  }

  /** Undefined while the head does not say where the log is, or that events of it are lost: cursors mean something else then. */
  async #endOf(ask: Ask, only: string | undefined): Promise<End | undefined> {
    // What this node commits meanwhile may not be in what is read.
    const seen = { ...this.#parts.seen };
    const [row] = await ask<HeadColumns & Here & { record: string | null }>(
      `select ${HEAD_COLUMNS}, ${HERE_COLUMNS}, (select record from @states where topic = $1) as record from @head h`,
      [only ?? null],
    );
    if (!row) throw noHead();
    const head = headOf(row);
    const epochs = await this.#parts.epochs.of(ask, head.epoch);
    if (!isThere(row, head.state.identity) || lostOf(head, epochs, seen) > 0) return undefined;
    await this.#parts.ledger.sync(ask, head);
    const record = row.record === null ? undefined : (JSON.parse(row.record) as TopicRecord);
    return { head, epochs, record };
  }
}

function placed(place: Place, { head, record }: End, selection: Selection | undefined): Place {
  return { ...place, epoch: head.epoch, ...finalIn(record, selection) };
}
