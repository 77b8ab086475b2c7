import {
  checkLease,
  checkTopic,
  checkTopicOptions,
  createTopic,
  deletionOf,
  formatCursor,
  isKnownPublicly,
  leaseTopic,
  newToken,
  releaseTopic,
  ServerError,
  statusOf,
  type CreateOptions,
  type EventPlace,
  type HeldLease,
  type LeaseOptions,
  type StatusOptions,
  type TopicDraft,
  type TopicFacts,
  type TopicLease,
  type TopicOptions,
  type TopicRecord,
  type TopicStates,
  type TopicStatus,
} from '@tidings/server/log';
import { summaryOf, type TopicRow } from '../records.ts';
import type { Readers } from '../reading/readers.ts';
import { atMost } from '../store/connection.ts';
import { HEAD_COLUMNS, headOf, type HeadColumns, noHead } from '../store/head.ts';
import { flush } from '../changes/flush.ts';
import { changeKeep } from '../changes/latest.ts';
import { remove } from '../changes/removal.ts';
import type { LogParts, Transaction } from '../changes/transaction.ts';
import type { Writer } from '../writing/writer.ts';

const MAX_TIMER_MS = 2 ** 31 - 1;

// How long after a failure it is tried again, in milliseconds.
const RETRY_MS = 1000;

// Events of a deleted topic that one statement removes.
const MAX_DELETED = 5000;

interface StatusRow extends HeadColumns {
  readonly record: string | null;
  readonly first_seq: number | null;
  readonly first_id: string | null;
  readonly last_seq_shown: number | null;
  readonly last_id: string | null;
}

export interface TopicLifeParts extends LogParts {
  readonly readers: Readers;
  readonly writer: Writer;
  readonly isClosed: () => boolean;
}

/** Creates, leases, closes, forgets and deletes topics. */
export class TopicLife implements TopicStates {
  readonly #parts: TopicLifeParts;
  #timer: unknown;
  #timerDue = Infinity;

  constructor(parts: TopicLifeParts) {
    this.#parts = parts;
  }

  close(): void {
    this.#parts.clock.clearTimeout(this.#timer);
  }

  async status(topic: string, { publicOnly = false }: StatusOptions = {}): Promise<TopicStatus> {
    this.#check(topic);
    const { readers, epochs, time, clock } = this.#parts;
    for (let isSettled = false; ; isSettled = true) {
      const { row, known } = await readers.ask(async (ask) => {
        const hidden = publicOnly ? 'and not e.private' : '';
        const found = `select e.seq, e.id from @event_topics x join @events e using (seq) where x.topic = $1 ${hidden} order by x.seq`;
        const [status] = await ask<StatusRow & { [Column in keyof TopicRow]: TopicRow[Column] | null }>(
          `select ${HEAD_COLUMNS}, t.*, (select record from @states where topic = $1) as record,
            f.seq as first_seq, f.id as first_id, l.seq as last_seq_shown, l.id as last_id
            from @head h left join @topics t on t.topic = $1
            left join lateral (${found} limit 1) f on true left join lateral (${found} desc limit 1) l on true`,
          [topic],
        );
        if (!status) throw noHead();
        return { row: status, known: await epochs.of(ask, status.h_epoch) };
      });
      const { state } = headOf(row);
      if (!isSettled && state.due !== null && state.due <= time.now()) {
        await this.#parts.writer.change([], () => undefined);
        continue;
      }
      const summary = row.topic === null ? undefined : summaryOf(row as TopicRow);
      const record = row.record === null ? undefined : (JSON.parse(row.record) as TopicRecord);
      const events = (summary?.events ?? 0) - (publicOnly ? (summary?.hidden?.events ?? 0) : 0);
      const place = (seq: number | null, id: string | null): EventPlace | undefined =>
        seq === null ? undefined : { seq, id: id ?? formatCursor({ epoch: known.of(seq), seq }) };
      const earliest = place(row.first_seq, row.first_id);
      const newest = place(row.last_seq_shown, row.last_id);
      const facts: TopicFacts = {
        events: summary?.events ?? 0,
        lastSeq: summary?.lastSeq ?? 0,
        publicSeq: summary?.hidden ? summary.hidden.publicSeq : (summary?.lastSeq ?? 0),
      };
      const keep = record?.options?.keep ?? this.#parts.topicBounds.of(topic)?.keep;
      const ahead = Math.max(time.now(), state.time) - clock.time();
      return {
        ...statusOf(topic, record, facts, { publicOnly, keepsLatest: keep === 'latest', ahead }),
        events,
        ...(events > 0 && earliest ? { earliest } : {}),
        ...(events > 0 && newest ? { newest } : {}),
      };
    }
  }

  async create(topic: string, options: TopicOptions = {}, how: CreateOptions = {}): Promise<{ created: boolean }> {
    this.#check(topic);
    const checked = checkTopicOptions(options);
    const { bounds, writer } = this.#parts;
    return await writer.change([topic], async (tx) => {
      const before = tx.keepsLatest(topic);
      const created = change(tx, (draft) =>
        createTopic(draft, topic, checked, how, { facts: tx.factsOf(topic), now: tx.now, bounds }),
      );
      const after = tx.keepsLatest(topic);
      if (before !== after || after) {
        await flush(tx);
        await changeKeep(tx, topic, after);
      }
      return created;
    });
  }

  async lease(topic: string, ms: number, options: LeaseOptions = {}): Promise<TopicLease> {
    this.#check(topic);
    const checked = checkLease(ms, options);
    const { bounds, clock, writer } = this.#parts;
    const lease = { ...checked, ms, fresh: newToken() };
    return await writer.change([topic], (tx) =>
      change(tx, (draft) => leaseTopic(draft, topic, lease, { now: tx.now, time: clock.time(), bounds })),
    );
  }

  async leases(): Promise<readonly HeldLease[]> {
    if (this.#parts.isClosed()) throw closed();
    const rows = await this.#parts.readers.ask((ask) =>
      ask<{ topic: string; record: string }>('select topic, record from @states where leased order by due, topic'),
    );
    return rows.flatMap(({ topic, record }) => {
      const { lease } = JSON.parse(record) as TopicRecord;
      return lease ? [{ topic, token: lease.token, holder: lease.holder }] : [];
    });
  }

  async release(topic: string, token: string): Promise<void> {
    this.#check(topic);
    await this.#parts.writer.change([topic], (tx) => change(tx, (draft) => releaseTopic(draft, topic, token)));
  }

  async delete(topic: string): Promise<{ existed: boolean }> {
    this.#check(topic);
    return await this.#parts.writer.change([topic], (tx) => this.#delete(tx, topic), true);
  }

  /** A lease that ends closes its topic also if nobody asks. @param due when something is due next, by the log's own time */
  wakeAt(due: number | null, least: number = 0): void {
    const { clock, time, writer, isClosed } = this.#parts;
    // What has become due later is found out when the timer fires.
    if (due === null || due >= this.#timerDue || isClosed()) return;
    clock.clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = clock.setTimeout(
      () => {
        this.#timerDue = Infinity;
        if (isClosed()) return;
        // What is due after that is told with what has been committed.
        writer.change([], (tx) => this.wakeAt(tx.state.due)).catch(() => this.wakeAt(due, RETRY_MS));
      },
      Math.min(Math.max(least, due - time.now()), MAX_TIMER_MS),
    );
  }

  /** Deletes a topic and its events, in one transaction: a topic with very many events holds up others for that long. */
  async #delete(tx: Transaction, topic: string): Promise<{ existed: boolean }> {
    await flush(tx);
    const facts = tx.factsOf(topic);
    const record = tx.draft.get(topic);
    if (!record && facts.events === 0) return { existed: false };
    const isPrivate = !isKnownPublicly(record, facts);
    tx.seq += 1;
    const { seq, epoch } = tx;
    const entry = deletionOf(topic, isPrivate, { epoch, seq }, this.#parts.clock.time());
    if (!isPrivate) tx.state.publicSeq = seq;
    tx.draft.set(topic, undefined);
    for (;;) {
      const rows = await tx.ask<{ seq: number }>(
        `select seq from @event_topics where topic = $1 order by seq ${atMost(MAX_DELETED)}`,
        [topic],
      );
      if (rows.length === 0) break;
      await remove(
        tx,
        rows.map((row) => row.seq),
        { isTold: true, deleted: topic },
      );
    }
    tx.removed.push(entry);
    tx.deletions.push(entry);
    tx.entries.push(entry);
    tx.isChanged = true;
    return { existed: true };
  }

  /** @throws {ServerError} `ERR_CLOSED`, and `ERR_INVALID_EVENT` for a name that no topic may have */
  #check(topic: string): void {
    if (this.#parts.isClosed()) throw closed();
    checkTopic(topic);
  }
}

/** Changes what is remembered of topics. A change that is refused leaves it as it is. */
function change<T>(tx: Transaction, make: (draft: TopicDraft) => T): T {
  const draft = tx.draft.draft();
  const result = make(draft);
  tx.draft.add(draft);
  return result;
}

function closed(): ServerError {
  return new ServerError('ERR_CLOSED', 'Cannot look at topics: the log has been closed');
}
