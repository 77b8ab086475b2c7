import {
  finalOf,
  isSelected,
  Selector,
  type AskOptions,
  type LogEntry,
  type LogPage,
  type ReadRequest,
  type Selection,
  type TopicRecord,
  type Turns,
} from '@tidings/server/log';
import {
  possibleOf,
  entryOf,
  EVENT_COLUMNS,
  META_COLUMNS,
  metaEntryOf,
  type EventMeta,
  type EventRow,
} from '../records.ts';
import { atMost, type Ask } from '../store/connection.ts';
import type { EpochsCopy } from '../store/epochs-copy.ts';
import { HEAD_COLUMNS, headOf, type Head, type HeadColumns, noHead, type Seen } from '../store/head.ts';
import type { LedgerCopy } from '../store/ledger-copy.ts';
import type { Readers } from './readers.ts';
import type { Standby } from './standby.ts';

// Events that one statement examines, and the most bytes of frames that it gives.
const MAX_EXAMINED = 1000;
const MAX_EXAMINED_META = 5000;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

// How often a page is read again because more was trimmed while it was put together. After that it may tell a gap too many.
const MAX_ATTEMPTS = 5;

export interface ReaderParts {
  readonly readers: Readers;
  /** A standby, which may have less than the database. */
  readonly standby?: Standby | undefined;
  readonly ledger: LedgerCopy;
  readonly epochs: EpochsCopy;
  readonly turns: Turns;
  /** The epoch in which this node is. */
  readonly seen: Readonly<Seen>;
  /** The log may be that of a copy or an older one: a new epoch may have to begin. */
  readonly onMoved: () => Promise<void>;
}

/** What of a page one statement says. */
interface Found {
  readonly head: Head;
  readonly record: TopicRecord | undefined;
  readonly rows: readonly EventRow[];
  /** How far the events have been examined. */
  readonly through: number;
}

type PageRow = HeadColumns & {
  readonly record: string | null;
  readonly examined: number;
  readonly last: number | null;
  readonly matched: number;
} & {
  [Column in keyof EventRow]: EventRow[Column] | null;
};

/** Reads pages. Each is as of one moment: of one statement. */
export class Reader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  async page(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const { selection, after } = request;
    const { readers, ledger, turns } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const replayed = attempt === 1 ? await this.#replay(request, signal) : undefined;
      const { read, entries } =
        replayed ??
        (await readers.ask(async (ask) => {
          const found = await this.#find(ask, request, signal);
          await ledger.sync(ask, found.head);
          const epochs = await this.#parts.epochs.of(ask, found.head.epoch);
          return { read: found, entries: found.rows.map((row) => entryOf(row, epochs)) };
        }, signal));
      const { at, ledger: known } = ledger;
      // What was trimmed since may be on the page.
      if (at !== read.head.trims && attempt < MAX_ATTEMPTS) continue;
      const trimmed = await turns.run((turn) => known.trimmed(selection, after, turn), { signal });
      if ((ledger.at !== at || ledger.ledger !== known) && attempt < MAX_ATTEMPTS) continue;
      const page = await this.#take(entries, read.through, request, signal);
      const { through: trimmedThrough, trims, deleted: deletedThrough } = trimmed;
      return { ...page, trimmedThrough, trims, deletedThrough, ...finalIn(read.record, selection) };
    }
  }

  /** What the standby has of a page, if that is all of it, and it knows what this node knows to be trimmed. */
  async #replay(
    request: ReadRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly read: Found; readonly entries: readonly LogEntry[] } | undefined> {
    const { standby, ledger, epochs, seen } = this.#parts;
    return await standby?.ask(async (ask) => {
      const read = await this.#find(ask, request, signal);
      // One that was a standby of another history may have what was lost.
      if (read.head.epoch !== seen.epoch || read.head.seq < request.through || read.head.trims !== ledger.at) {
        return undefined;
      }
      const known = await epochs.of(ask, read.head.epoch);
      return { read, entries: read.rows.map((row) => entryOf(row, known)) };
    }, signal);
  }

  /** Takes those of the entries that are selected. */
  #take(
    entries: readonly LogEntry[],
    through: number,
    { selection, maxBytes }: ReadRequest,
    signal: AbortSignal | undefined,
  ): Promise<Pick<LogPage, 'entries' | 'through'>> {
    const selector = Selector.of(selection);
    const taken: LogEntry[] = [];
    let [at, bytes] = [0, 0];
    const isShort = selector.topics.isExact;
    return this.#parts.turns.run(
      (turn) => {
        for (let entry = entries[at]; entry; entry = entries[at]) {
          const selected = isSelected(selector, entry, turn);
          if (selected === undefined) return undefined;
          at += 1;
          if (selected) {
            taken.push(entry);
            bytes += entry.frame.length;
            if (bytes >= maxBytes) return { entries: taken, through: at === entries.length ? through : entry.seq };
          }
          if (turn.isOver) return undefined;
        }
        return { entries: taken, through };
      },
      { signal, isShort },
    );
  }

  async #find(ask: Ask, request: ReadRequest, signal: AbortSignal | undefined): Promise<Found> {
    const { selection } = request;
    const { topics, types, private: known } = Selector.of(selection);
    const [only = null] = possibleOf(topics.only === undefined ? [] : [topics.only]);
    const named = types ? possibleOf(types) : null;
    const bytes = Math.min(request.maxBytes, MAX_PAGE_BYTES);
    if (topics.isExact) {
      const seqs = `select distinct x.seq from json_array_elements_text($1::json) n(topic)
        cross join lateral (select seq from @event_topics t where t.topic = n.topic and t.seq > $2 and t.seq <= $3 order by t.seq ${atMost(MAX_EXAMINED)}) x
        order by x.seq limit ${MAX_EXAMINED}`;
      const given = [
        JSON.stringify(possibleOf(topics.exact)),
        request.after,
        request.through,
        bytes,
        named,
        only,
        !known.isEmpty,
      ];
      return foundIn(await ask<PageRow>(pageOf(seqs), given), request, MAX_EXAMINED);
    }
    if (topics.isAll && (known.isAll || known.isEmpty)) {
      const seqs = `select seq from @events where $1::int is null and seq > $2 and seq <= $3 order by seq ${atMost(MAX_EXAMINED)}`;
      const given = [null, request.after, request.through, bytes, named, only, known.isAll];
      return foundIn(await ask<PageRow>(pageOf(seqs), given), request, MAX_EXAMINED);
    }
    const { seqs, through } = await this.#selected(ask, request, signal);
    const statement = pageOf('select seq from @events where seq = any($1::bigint[]) and seq > $2 and seq <= $3');
    const given = [seqs, request.after, through, bytes, named, only, true];
    return foundIn(await ask<PageRow>(statement, given), { ...request, through }, Infinity);
  }

  /** The numbers of some events that are selected by patterns, or by whose private events are known, without their frames: those of others would be read for nothing. */
  async #selected(
    ask: Ask,
    { selection, after, through }: ReadRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly seqs: readonly number[]; readonly through: number }> {
    const selector = Selector.of(selection);
    const rows = await ask<EventMeta>(
      `select ${META_COLUMNS} from @events e where e.seq > $1 and e.seq <= $2 order by e.seq ${atMost(MAX_EXAMINED_META)}`,
      [after, through],
    );
    const seqs: number[] = [];
    let at = 0;
    await this.#parts.turns.run(
      (turn) => {
        for (let row = rows[at]; row; row = rows[at]) {
          const selected = isSelected(selector, metaEntryOf(row), turn);
          if (selected === undefined) return undefined;
          at += 1;
          if (selected) seqs.push(row.seq);
          if (turn.isOver) return undefined;
        }
        return true;
      },
      { signal },
    );
    const last = rows.at(-1);
    return { seqs, through: last && rows.length === MAX_EXAMINED_META ? last.seq : through };
  }
}

/**
 * The statement of a page. Its first column of events may be null, if there are none: the head is there all the same. Events are looked up row by row, whatever the planner
 * knows of the table: until it has been analyzed, it would go through all of them.
 * @param seqs the numbers that are examined, as a statement
 */
function pageOf(seqs: string): string {
  return `with s as materialized (${seqs}),
    r as (select e.seq, sum(e.size) over (order by e.seq) - e.size as before
      from s cross join lateral (select seq, size, type, private from @events where seq = s.seq limit 1) e
      where ($5::text[] is null or coalesce(e.type, 'message') = any($5::text[])) and ($7::boolean or not e.private))
    select ${HEAD_COLUMNS}, (select record from @states where topic = $6) as record,
      (select count(*) from s) as examined, (select max(seq) from s) as last, (select count(*) from r) as matched, ${EVENT_COLUMNS}
    from @head h left join (r cross join lateral (select * from @events where seq = r.seq limit 1) e) on r.before < $4 order by r.seq`;
}

function foundIn(rows: readonly PageRow[], { after, through }: ReadRequest, limit: number): Found {
  const [first] = rows;
  if (!first) throw noHead();
  const events = rows.filter((row): row is PageRow & EventRow => row.seq !== null);
  const examined = first.examined >= limit ? (first.last ?? through) : through;
  // A page that was cut at its bytes ends with its last event.
  const reached = events.length < first.matched ? (events.at(-1)?.seq ?? after) : examined;
  return {
    head: headOf(first),
    record: first.record === null ? undefined : (JSON.parse(first.record) as TopicRecord),
    rows: events,
    through: Math.max(after, reached),
  };
}

/** The sequence number of the final event of the only topic of a selection, as part of an answer. */
export function finalIn(
  record: TopicRecord | undefined,
  selection: Selection | undefined,
): { readonly finalSeq?: number } {
  return finalOf({ size: record ? 1 : 0, get: () => record }, selection);
}
