import {
  checkLease,
  checkTopic,
  checkTopicOptions,
  closingEvent,
  createTopic,
  endLease,
  leaseTopic,
  newToken,
  noteEvent,
  prepareBatch,
  releaseTopic,
  statusOf,
  type CreateOptions,
  type HeldLease,
  type LeaseOptions,
  type StatusOptions,
  type TopicDraft,
  type TopicFacts,
  type TopicLease,
  type TopicOptions,
  type TopicStates,
  type TopicStatus,
} from '@tidings/server/log';
import { Removal } from '../trimming/removal.ts';
import { closed, LmdbDeletion, type TopicLifeHooks, type TopicLifeParts } from './deletion.ts';

// Topics that one commit changes, closes or forgets: few, so that a publisher never waits long for its own.
const MAX_SETTLED = 1000;

const MAX_TIMER_MS = 2 ** 31 - 1;

// How long after a failure it is tried again, in milliseconds.
const RETRY_MS = 1000;

/** A change of what is remembered of a topic, which waits for its turn. */
interface Waiting {
  readonly topic: string;
  /** Drafts it. Returns what tells its caller that it is stored. */
  readonly make: (draft: TopicDraft, facts: TopicFacts, now: number) => () => void;
  readonly reject: (error: unknown) => void;
}

/** Creates, leases, closes, forgets and deletes topics. Everything that it writes is part of a turn of the writer. */
export class LmdbTopicLife implements TopicStates {
  readonly #parts: TopicLifeParts;
  readonly #hooks: TopicLifeHooks;
  readonly #deletion: LmdbDeletion;
  readonly #waiting: Waiting[] = [];
  #timer: unknown;
  #timerDue = Infinity;

  constructor(parts: TopicLifeParts, hooks: TopicLifeHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#deletion = new LmdbDeletion(parts, hooks);
  }

  /** Closes the topics whose leases have ended, forgets those whose time is over, and goes on with a deletion. */
  async open(): Promise<void> {
    await this.#parts.writer.inTurn(() => this.settle());
    this.#wakeLater();
    void this.removeDeleted().catch((error: unknown) => {
      // It goes on when the log is opened again.
      if (!this.#hooks.isClosed()) this.#hooks.report(error);
    });
  }

  close(): void {
    this.#parts.clock.clearTimeout(this.#timer);
  }

  async status(topic: string, { publicOnly = false }: StatusOptions = {}): Promise<TopicStatus> {
    this.#check(topic);
    const { topics, reader, time, clock, writer, store } = this.#parts;
    if (this.#isDue) await writer.inTurn(() => this.settle());
    const search = { topic, publicOnly, after: 0 };
    const { place: earliest } = await this.#hooks.look((turn) => reader.searchFirst(search, turn));
    // All the rest is of one moment.
    const { events, hidden } = topics.of(topic) ?? { events: 0 };
    const facts = topics.factsOf(topic);
    const newest = reader.placeOf(publicOnly ? facts.publicSeq : facts.lastSeq);
    const ahead = time.now() - clock.time();
    const count = events - (publicOnly ? (hidden?.events ?? 0) : 0) - store.replaced.of(topic, publicOnly);
    return {
      ...statusOf(topic, topics.states.book.get(topic), facts, {
        publicOnly,
        keepsLatest: topics.keepsLatest(topic),
        ahead,
      }),
      events: count,
      ...(count > 0 && earliest ? { earliest } : {}),
      ...(count > 0 && newest ? { newest } : {}),
    };
  }

  async create(topic: string, options: TopicOptions = {}, how: CreateOptions = {}): Promise<{ created: boolean }> {
    this.#check(topic);
    const checked = checkTopicOptions(options);
    const { bounds } = this.#parts;
    return await this.#change(topic, (draft, facts, now) =>
      createTopic(draft, topic, checked, how, { facts, now, bounds }),
    );
  }

  async lease(topic: string, ms: number, options: LeaseOptions = {}): Promise<TopicLease> {
    this.#check(topic);
    const checked = checkLease(ms, options);
    const { bounds, clock } = this.#parts;
    const lease = { ...checked, ms, fresh: newToken() };
    return await this.#change(topic, (draft, _, now) =>
      leaseTopic(draft, topic, lease, { now, time: clock.time(), bounds }),
    );
  }

  async leases(): Promise<readonly HeldLease[]> {
    if (this.#hooks.isClosed()) throw closed();
    return this.#parts.topics.states.book.leased();
  }

  async release(topic: string, token: string): Promise<void> {
    this.#check(topic);
    await this.#change(topic, (draft) => releaseTopic(draft, topic, token));
  }

  async delete(topic: string): Promise<{ existed: boolean }> {
    return await this.#deletion.delete(topic, () => {
      this.#check(topic);
      return this.settle();
    });
  }

  /** Removes the events of the topic that was deleted, in small steps between which others go on. */
  async removeDeleted(): Promise<void> {
    await this.#deletion.removeDeleted();
  }

  /** Closes the topics whose leases have ended, and forgets some of those whose time is over, as part of a turn. Does not reject. */
  async settle(): Promise<void> {
    if (!this.#isDue) return;
    try {
      // All of them, because nothing may be appended to such a topic. Their number is bounded.
      while (!this.#hooks.isClosed() && (await this.#closeEnded()));
      if (!this.#hooks.isClosed()) await this.#forgetSome();
    } catch (error) {
      this.#hooks.report(error);
      this.#wakeLater(RETRY_MS);
    }
    this.#wakeLater();
  }

  get #isDue(): boolean {
    const { topics, time } = this.#parts;
    const { due } = topics.states.book;
    return due !== undefined && due <= time.now();
  }

  /** Closes some of the topics whose leases have ended. Returns whether there were any. */
  async #closeEnded(): Promise<boolean> {
    const { topics, writer, time } = this.#parts;
    const now = time.now();
    const ended = topics.states.book.ended(now, MAX_SETTLED);
    if (ended.length === 0) return false;
    const factsOf = (topic: string): TopicFacts => topics.factsOf(topic);
    const { events } = prepareBatch(
      ended.map((topic) => closingEvent(topic, topics.states.book.get(topic), factsOf(topic))),
      {},
    );
    const draft = topics.states.book.draft();
    events.forEach((event, index) => {
      endLease(draft, ended[index] ?? '');
      noteEvent(draft, event, writer.head.seq + index + 1, now, factsOf);
    });
    await writer.appendOwn(events, draft);
    return true;
  }

  /** Forgets some topics whose time is over, with their events. */
  async #forgetSome(): Promise<void> {
    const { topics, reader, writer, time } = this.#parts;
    const outlived = topics.states.book.outlived(time.now(), MAX_SETTLED);
    if (outlived.length === 0) return;
    const removal = new Removal(this.#parts, writer.head);
    const forgotten: string[] = [];
    for (const topic of outlived) {
      for (const entry of reader.oldestOf(topic, writer.head.seq)) {
        if (removal.isFull) break;
        if (!removal.has(entry.seq)) removal.add(entry);
      }
      // It goes with its last event.
      if (removal.isFull) break;
      forgotten.push(topic);
    }
    await this.#hooks.carryOut(removal.step(() => {}, forgotten));
  }

  /** Changes what is remembered of a topic. Changes that come while the disk is busy are committed together. */
  #change<T>(topic: string, change: (draft: TopicDraft, facts: TopicFacts, now: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const make = (draft: TopicDraft, facts: TopicFacts, now: number): (() => void) => {
        const result = change(draft, facts, now);
        return () => resolve(result);
      };
      if (this.#waiting.push({ topic, make, reject }) === 1) this.#changeSoon();
    });
  }

  #changeSoon(): void {
    void this.#parts.writer.inTurn(() => this.#changeWaiting());
  }

  /** Makes the changes that wait, as part of a turn. Does not reject. */
  async #changeWaiting(): Promise<void> {
    await this.settle();
    const { topics, writer, time } = this.#parts;
    const group = topics.states.book.draft();
    const made: { readonly change: Waiting; readonly done: () => void }[] = [];
    for (const change of this.#waiting.splice(0, MAX_SETTLED)) {
      // One that is refused leaves the others as they are.
      const draft = group.draft();
      try {
        if (this.#hooks.isClosed()) throw closed();
        made.push({ change, done: change.make(draft, topics.factsOf(change.topic), time.now()) });
        group.add(draft);
      } catch (error) {
        change.reject(error);
      }
    }
    if (this.#waiting.length > 0) this.#changeSoon();
    if (made.length === 0) return;
    try {
      const head = { ...writer.head, bytes: writer.head.bytes + group.addedBytes };
      await writer.write(head, (track) => topics.states.write(group, track), group.changes.size);
    } catch (error) {
      for (const { change } of made) change.reject(error);
      return;
    }
    topics.states.book.apply(group);
    for (const { change } of made) this.#hooks.onChanged(change.topic);
    this.#wakeLater();
    for (const { done } of made) done();
  }

  /** @throws {ServerError} `ERR_CLOSED`, and `ERR_INVALID_EVENT` for a name that no topic may have */
  #check(topic: string): void {
    if (this.#hooks.isClosed()) throw closed();
    checkTopic(topic);
  }

  /** A lease that ends closes its topic also if nobody asks. @param least waits so long at least, in milliseconds */
  #wakeLater(least: number = 0): void {
    const { clock, time, topics, writer } = this.#parts;
    const { due = Infinity } = topics.states.book;
    // What has become due later is found out when the timer fires.
    if (due >= this.#timerDue || this.#hooks.isClosed()) return;
    clock.clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = clock.setTimeout(
      () => {
        this.#timerDue = Infinity;
        void writer.inTurn(() => this.settle()).then(() => this.#wakeLater());
      },
      Math.min(Math.max(least, due - time.now()), MAX_TIMER_MS),
    );
  }
}
