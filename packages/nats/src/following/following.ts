import type { TrimLedger } from '@tidings/server/log';
import type { Moment } from '../replica/clock.ts';
import { type Done, Replica, type ReplicaHost, type ReplicaRecord } from '../replica/replica.ts';
import { readSnapshot } from '../replica/snapshot.ts';
import type { Delivered, Delivery } from '../store/delivery.ts';
import { isWrongSequence, unusable } from '../store/problem.ts';
import type { StreamState } from '../store/store.ts';
import { beginningOf } from './beginning.ts';
import { Compaction } from './compaction.ts';
import type { FollowingHost, FollowingParts } from './host.ts';
import { isReplaced, type Known, knownOf } from './known.ts';
import { isRemoved, leftOut } from './left-out.ts';
import { LocalTime } from './local-time.ts';
import { Looks } from './looks.ts';
import { Mutex } from './mutex.ts';
import { Opening } from './opening.ts';
import { Patience } from './patience.ts';
import { Shared } from './shared.ts';
import { Waiting } from './waiting.ts';

// How soon it is tried again to follow the stream, in milliseconds.
const RETRY_MS = 200;

// How long opening a log may take, in milliseconds.
const OPEN_MS = 60_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

// A node that finds neither the first messages of a log nor a snapshot waits so long for another node to store one, in milliseconds.
const MISSING_MS = 12_000;

// A stream that has fewer messages than were there before is given this long, in milliseconds: a server that has just taken over may not have applied all.
const GONE_BACK_MS = 5000;

/** Keeps a replica up with the stream, and finds out when the stream is another one. */
export class Following {
  readonly #parts: FollowingParts;
  readonly #host: FollowingHost;
  readonly #mutex = new Mutex();
  readonly waiting: Waiting = new Waiting();
  readonly #time: LocalTime;
  #replica: Replica;
  /** When the stream was made of which the replica is. */
  #created = '';
  #known: Known | undefined;
  /** What the last replica that had begun has told of its trims, if its numbering goes on. */
  #ledger: TrimLedger | undefined;
  /** The stream has fewer messages than before. */
  readonly #goneBack = new Patience(GONE_BACK_MS);
  /** There is nothing to begin with. */
  readonly #missing = new Patience(MISSING_MS);
  #delivery: Delivery | undefined;
  #isLive = false;
  #isWhole = false;
  #isClosed = false;
  #lastLook = -1;
  #looks: Looks | undefined;
  /** Whether it has been live. */
  #isOpen = false;
  readonly #compaction: Compaction;
  /** Gives the number of the newest message, as of the call. Several calls ask once. */
  readonly newest: Shared<number> = new Shared(() => this.#askNewest());

  constructor(parts: FollowingParts, host: FollowingHost) {
    this.#parts = parts;
    this.#host = host;
    this.#time = new LocalTime(parts.clock);
    this.#replica = new Replica(this.#replicaHost);
    this.#compaction = new Compaction(parts.store, parts.compactBytes, (error) => host.onError(error));
    parts.store.onChange(() => {
      if (!parts.store.isConnected) this.#delivery?.stop();
      this.waiting.check();
    });
  }

  get replica(): Replica {
    return this.#replica;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Whether the replica has all that this node has told of. One that was just made anew has not caught up yet. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The time of a message that is sent now. */
  get moment(): Moment {
    return this.#time.moment(this.#replica.moment);
  }

  /** In how many milliseconds time alone changes something; undefined if nothing will. */
  get dueMs(): number | undefined {
    const due = this.#replica.log.dueMs;
    return due === undefined ? undefined : due - this.passedMs;
  }

  /** How long ago the last message was sent, in milliseconds. */
  get passedMs(): number {
    return this.moment.now - this.#replica.moment.now;
  }

  /** Follows the stream from now on. Resolves when the replica has caught up; rejects if that cannot be, or not in time. */
  async open(): Promise<void> {
    const opening = new Opening();
    this.#looks = new Looks(
      () => this.#isWell(),
      () => this.#delivery?.stop(),
    );
    void this.#run((error) => {
      opening.note(error);
      this.waiting.check();
    });
    await this.waiting.until(() => this.#isLive || opening.isFinal, OPEN_MS);
    if (!this.#isLive) {
      await this.close();
      throw unusable(opening.failure);
    }
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isLive = false;
    this.#looks?.stop();
    this.#delivery?.stop();
    this.waiting.check();
    await this.#mutex.run(() => this.#replica.close());
  }

  /** A message that this node has sent is stored with this number. It is carried out at once if it is the next one. */
  async offer(seq: number, bytes: Uint8Array): Promise<void> {
    if (this.#isLive) await this.#apply(seq, bytes, true);
  }

  async #askNewest(): Promise<number> {
    const state = await this.#parts.store.state();
    if (state && this.#isSame(state)) return state.last;
    this.#delivery?.stop();
    throw new Error('The stream is another one');
  }

  #isSame(state: StreamState | undefined): boolean {
    return state?.created === this.#created;
  }

  get #replicaHost(): ReplicaHost {
    return { ...this.#host, scanMs: this.#parts.scanMs };
  }

  /** @param onFailure is told why it cannot be followed, until it has been for the first time */
  async #run(onFailure: (error: unknown) => void): Promise<void> {
    const { store } = this.#parts;
    let hasBeenLive = false;
    while (!this.#isClosed) {
      await this.waiting.until(() => store.isConnected || this.#isClosed, MAX_TIMER_MS);
      try {
        await this.#follow();
        this.#lose(new Error('The connection to the store of the log was lost, or the store does not answer'));
      } catch (error) {
        this.#lose(error);
        // Without a connection it is clear why.
        if (hasBeenLive && store.isConnected) this.#host.onError(error);
        else onFailure(error);
      }
      hasBeenLive ||= this.#isOpen;
      await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
    }
  }

  /** Follows the stream until that is no longer possible. */
  async #follow(): Promise<void> {
    if (this.#isClosed) return;
    const state = await this.#prepare();
    const delivery = await this.#parts.store.deliver(Math.max(this.#replica.at + 1, state.first));
    this.#delivery = delivery;
    try {
      await this.#reached(state);
      for await (const { seq, bytes } of delivery) {
        if (this.#isClosed) return;
        await this.#apply(seq, bytes, false);
        if (!this.#isLive) await this.#reached(state);
      }
    } finally {
      delivery.stop();
    }
  }

  #lose(reason: unknown): void {
    this.#delivery?.stop();
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#host.onLost(reason);
  }

  /** Makes sure that there is a stream, and a replica that can go on with it. */
  async #prepare(): Promise<StreamState> {
    const { store } = this.#parts;
    const state = (await store.state()) ?? (await store.create().then(() => store.state()));
    if (!state) throw new Error('The stream was deleted as soon as it was made');
    const { at } = this.#replica;
    const isSame = this.#isSame(state) && !(await isReplaced(store, state, this.#replica));
    if (isSame && state.last >= at && state.first <= at + 1) {
      this.#goneBack.forget();
      return state;
    }
    if (isSame && state.last < at && !this.#goneBack.isOver()) throw new Error('The stream has lost messages');
    const hasLost = !isSame || state.last < at;
    await this.#load(state, hasLost);
    return state;
  }

  /** Makes the replica anew, from the newest snapshot or from the beginning. @param hasLost whether the numbering cannot go on */
  async #load(state: StreamState, hasLost: boolean): Promise<void> {
    const snapshot = await this.#parts.store.snapshots.newest(state.created);
    const isThere = snapshot && snapshot.at <= state.last && snapshot.at + 1 >= state.first;
    const record = isThere ? await readSnapshot(snapshot.text) : undefined;
    await this.#mutex.run(async () => {
      const before = this.#replica;
      if (hasLost) this.#known = knownOf(before) ?? this.#known;
      this.#isWhole = false;
      await before.close();
      if (hasLost) this.#ledger = undefined;
      else if (before.hasBegun) this.#ledger = before.log.ledger;
      this.#replica = new Replica(this.#replicaHost, record, this.#ledger);
      this.#created = state.created;
      this.#goneBack.forget();
      this.#compaction.found(isThere ? snapshot.bytes : 0);
      this.#host.onLog(this.#replica.log);
    });
  }

  /** Goes live if the replica has carried out everything that the stream had. Begins a log or a new epoch first, where it has to. */
  async #reached({ first, last }: StreamState): Promise<void> {
    const { hasBegun, at } = this.#replica;
    if (at < last && first <= last) return;
    if (!hasBegun && last > 0 && !this.#missing.isOver())
      throw new Error('What the log began with is gone from the stream');
    const begin = beginningOf(this.#replica, this.#known, this.#parts, last);
    if (begin) {
      await this.#host.begin(begin.command, begin.last).catch((error: unknown) => {
        // Another node was first.
        if (!isWrongSequence(error)) throw error;
      });
      return;
    }
    this.#known = undefined;
    this.#missing.forget();
    this.#looks?.forget();
    this.#time.begin(this.#replica.moment);
    this.#isLive = true;
    this.#isWhole = true;
    this.#host.onLive();
    this.waiting.check();
  }

  async #apply(seq: number, bytes: Uint8Array, isOffered: boolean): Promise<void> {
    const done = await this.#mutex.run(async () => {
      const { at } = this.#replica;
      if (seq <= at || this.#isClosed || (isOffered && seq > at + 1)) return [];
      const before = seq > at + 1 ? await leftOut(this.#parts.store, this.#replica, this.#created, seq) : [];
      const all: (Done | undefined)[] = [];
      for (const one of [...before, { seq, bytes }]) all.push(await this.#carryOut(one));
      return all;
    });
    for (const one of done) if (one) this.#host.onDone(one);
    this.waiting.check();
  }

  async #carryOut({ seq, bytes }: Delivered): Promise<Done | undefined> {
    const { current } = this.#replica.log.epochs;
    const applied = await this.#replica.apply(seq, bytes);
    if (this.#isLive) this.#time.hear(this.#replica.moment);
    if (this.#isLive && this.#replica.log.epochs.current !== current) {
      this.#host.onLost(new Error('A new epoch has begun'));
      this.#host.onLive();
    }
    return applied;
  }

  /** Looks whether the stream is still the same one, and whether the replica keeps up with it. */
  async #isWell(): Promise<boolean> {
    const before = this.#lastLook;
    const { at } = this.#replica;
    this.#lastLook = at;
    const { store } = this.#parts;
    if (!this.#isLive) return at !== before || !this.#delivery || !(await isRemoved(store, at));
    const state = await store.state();
    if (!this.#isLive) return true;
    if (!state || !this.#isSame(state)) {
      this.#delivery?.stop();
      return true;
    }
    const record = (): Promise<ReplicaRecord> => this.#mutex.run(() => Promise.resolve(this.#replica.record()));
    if (this.#replica.isWhole) void this.#compaction.run(state, record);
    // There is less than before, or more and nothing has come since the last look.
    return state.last >= at && (state.last <= this.#replica.at || at !== before);
  }
}
