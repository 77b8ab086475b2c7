import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import {
  deletionOf,
  isKnownPublicly,
  PrivateOthers,
  ServerError,
  type CheckedBounds,
  type Clock,
  type LogEntry,
  type LogTime,
  type Turn,
} from '@tidings/server/log';
import { costOfTopic } from '../records/cost.ts';
import type { LmdbReader } from '../reading/reader.ts';
import type { DeletionRecord, Track } from '../tables/store.ts';
import { Removal, type RemovalParts, type TrimStep } from '../trimming/removal.ts';
import type { LmdbWriter } from '../writing/writer.ts';

export interface TopicLifeParts extends RemovalParts {
  readonly reader: LmdbReader;
  readonly writer: LmdbWriter;
  readonly bounds: CheckedBounds;
  readonly clock: Clock;
  readonly time: LogTime;
}

/** What the life of topics needs of its log. */
export interface TopicLifeHooks {
  readonly isClosed: () => boolean;
  /** Runs a search, in turns with all other searches. */
  readonly look: <T>(work: (turn: Turn) => T | undefined) => Promise<T>;
  /** Commits the removal of events, as part of a turn of the writer. Damaged events that were found go first, and then nothing else. */
  readonly carryOut: (step: TrimStep) => Promise<void>;
  /** What is remembered of a topic has changed. */
  readonly onChanged: (topic: string) => void;
  /** A topic was deleted, whose events are still to be removed. */
  readonly onDeleted: (topic: string) => void;
  readonly emit: (batch: readonly LogEntry[]) => void;
  /** Reports a failure of which no caller learns. */
  readonly report: (cause: unknown) => void;
}

// Events that are looked at in one turn of the event loop.
const MAX_LOOKED_AT = 1000;

/** Deletes topics, one at a time. Everything that it writes is part of a turn of the writer. */
export class LmdbDeletion {
  readonly #parts: TopicLifeParts;
  readonly #hooks: TopicLifeHooks;

  constructor(parts: TopicLifeParts, hooks: TopicLifeHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
  }

  /** @param begin is called first, as part of a turn */
  async delete(topic: string, begin: () => Promise<void>): Promise<{ existed: boolean }> {
    for (;;) {
      // Mostly before its turn, so that others wait only for what is published meanwhile.
      const others = new OthersSearch(topic, this.#parts);
      await others.goOn(this.#hooks.isClosed);
      const existed = await this.#parts.writer.inTurn(async () => {
        await begin();
        await others.goOn(this.#hooks.isClosed);
        if (this.#hooks.isClosed()) throw closed();
        return await this.#delete(topic, others);
      });
      if (existed === false) return { existed };
      try {
        // Its own events, or those of a deletion that was under way.
        await this.removeDeleted();
      } catch (error) {
        if (existed === undefined) throw await this.#parts.writer.notStored(error);
        // The topic is deleted. Its events are removed with the next trimming, or when the log is opened again.
        if (!this.#hooks.isClosed()) this.#hooks.report(error);
      }
      if (existed === true) return { existed };
    }
  }

  /** Removes the events of the topic that was deleted, in small steps between which others go on. */
  async removeDeleted(): Promise<void> {
    while (this.#parts.store.deletion) {
      if (this.#hooks.isClosed()) throw closed();
      await this.#parts.writer.inTurn(() => this.#removeSome());
      await turnOfTheLoop();
    }
  }

  /** Deletes a topic, whose events are still to be removed. Returns whether there was one; undefined if another deletion is under way. */
  async #delete(topic: string, others: OthersSearch): Promise<boolean | undefined> {
    const { store, topics, writer, ledger, clock } = this.#parts;
    const { book } = topics.states;
    const [record, summary, facts] = [book.get(topic), topics.of(topic), topics.factsOf(topic)];
    if (!record && !summary) return false;
    if (store.deletion) return undefined;
    const seq = writer.head.seq + 1;
    const isPrivate = !isKnownPublicly(record, facts);
    const entry = deletionOf(topic, isPrivate, { epoch: store.epochs.current, seq }, clock.time());
    const plan = ledger.plan([entry, ...others.removed]);
    const draft = topics.states.without([], [topic]);
    const deletion: DeletionRecord | undefined = summary && { topic, through: seq };
    const bytes = writer.head.bytes + draft.addedBytes - (summary ? costOfTopic(topic) : 0);
    const head = { ...writer.head, seq, bytes, ...(isPrivate ? {} : { publicSeq: seq }) };
    const write = (track: Track): void => {
      topics.states.write(draft, track);
      if (deletion) {
        track(store.topics.remove(topic));
        track(store.meta.put('deletion', deletion));
      }
      store.writeTrims(plan, track);
    };
    await writer.write(head, write, plan.topics.size + plan.forgotten.length);
    store.deletion = deletion;
    ledger.apply(plan);
    topics.deleted(topic);
    book.apply(draft);
    this.#hooks.onDeleted(topic);
    this.#hooks.emit([entry]);
    return true;
  }

  /** Removes a small number of events of the topic that was deleted, or ends the deletion. */
  async #removeSome(): Promise<void> {
    const { store, reader, writer, topics, latest } = this.#parts;
    const { deletion } = store;
    if (!deletion || this.#hooks.isClosed()) return;
    const removal = new Removal(this.#parts, writer.head);
    for (const entry of reader.ofTopic(deletion.topic, 0, deletion.through)) {
      if (removal.isFull) break;
      removal.add(entry);
    }
    const isLast = !removal.isFull && store.damaged.size === 0;
    if (isLast) removal.also((track) => track(store.meta.remove('deletion')));
    // Nothing has been published to it since, so that it has no events, and no rows of their keys.
    const isUnkeyed = isLast && latest.keyed.has(deletion.topic) && !topics.of(deletion.topic);
    if (isUnkeyed) removal.setKeyed(deletion.topic, false);
    const step = removal.step(() => {
      if (isLast) store.deletion = undefined;
      if (isUnkeyed) latest.emptied(deletion.topic);
    });
    await this.#hooks.carryOut(step);
  }
}

/** A search, in small steps, for the other topics of the private events of a topic. */
class OthersSearch {
  readonly #topic: string;
  readonly #parts: TopicLifeParts;
  readonly #others: PrivateOthers;
  #after = 0;

  constructor(topic: string, parts: TopicLifeParts) {
    this.#topic = topic;
    this.#parts = parts;
    this.#others = new PrivateOthers(topic);
  }

  get removed(): PrivateOthers['removed'] {
    return this.#others.removed;
  }

  /** Goes on to the newest event of the topic. */
  async goOn(isClosed: () => boolean): Promise<void> {
    const { topics, writer, reader } = this.#parts;
    for (;;) {
      if (isClosed() || !topics.of(this.#topic)?.hidden) return;
      const through = writer.head.seq;
      let count = 0;
      for (const entry of reader.ofTopic(this.#topic, this.#after, through)) {
        this.#others.add(entry);
        this.#after = entry.seq;
        count += 1;
        if (count === MAX_LOOKED_AT) break;
      }
      if (count < MAX_LOOKED_AT) return;
      await turnOfTheLoop();
    }
  }
}

export function closed(): ServerError {
  return new ServerError('ERR_CLOSED', 'Cannot look at topics: the log has been closed');
}
