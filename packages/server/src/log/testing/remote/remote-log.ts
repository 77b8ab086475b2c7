import type { Clock } from '../../../clock.ts';
import { ServerError } from '../../../errors.ts';
import type { LogEntry, NewEvent } from '../../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  FollowStart,
  LogFollower,
  LogFollowing,
  LogPage,
} from '../../event-log.ts';
import { Followers } from '../../keeping/followers.ts';
import { AskingLog } from '../../remote/asking-log.ts';
import type { Question } from '../../remote/question.ts';
import type { StoredValue, ValuesChange } from '../../stored-values.ts';
import { changeFrom } from '../watched-values.ts';
import { Connection } from './connection.ts';
import { entryFromJson, type Begun } from './protocol.ts';

export interface RemoteLogSettings {
  readonly port: number;
  /** No other log on the store may have it. */
  readonly name: string;
  readonly trimmedIsExact: boolean;
  readonly clock?: Clock;
}

type JsonEntry = LogEntry & { readonly frame: unknown };

/** A log whose events are in another process, over an unreliable connection. */
export class RemoteLog extends AskingLog {
  readonly name: string;
  readonly #connection: Connection;
  /** A connection for questions about values that stay unanswered for long. */
  readonly #watching: Connection;
  readonly #followers = new Followers();
  /** How far followers have been handed over; undefined while they are not handed anything. */
  #reached: FollowStart | undefined;
  #isFollowing = false;
  /** The last of the appends: the next one is sent when it is answered, so that they are stored in the order of the calls. */
  #appending: Promise<unknown> = Promise.resolve();
  protected isClosed = false;

  constructor({ port, name, trimmedIsExact, clock }: RemoteLogSettings) {
    super({ trimmedIsExact, has: ['directory', 'topics', 'values', 'trim'] });
    this.name = name;
    this.#connection = new Connection(port, name, clock);
    this.#watching = new Connection(port, `${name} values`, clock);
  }

  override async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.isClosed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const append = this.#appending.then(() => this.ask({ op: 'append', events, options }));
    this.#appending = append.catch(() => {});
    return (await append) as AppendReceipt;
  }

  follow(follower: LogFollower): LogFollowing {
    const following = this.#followers.add(follower, this.#reached);
    if (!this.#isFollowing) void this.#follow();
    return following;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.#appending;
    this.#followers.clear();
    this.#connection.close();
    this.#watching.close();
  }

  protected async ask(question: Question, { signal }: AskOptions = {}): Promise<unknown> {
    const answer = await this.#connection.ask(question, { signal });
    if (question.op !== 'read') return answer;
    const page = answer as LogPage & { entries: JsonEntry[] };
    return { ...page, entries: page.entries.map(entryFromJson) };
  }

  protected watch(prefix: string, onChange: (change: ValuesChange) => void): () => void {
    let isWatched = true;
    const watch = async (): Promise<void> => {
      let known: readonly StoredValue[] | null = null;
      while (isWatched) {
        const found = (await this.#watching.ask({ op: 'watchValues', prefix, known })) as readonly StoredValue[];
        if (isWatched) onChange(changeFrom(known, found));
        known = found;
      }
    };
    // It ends when the log is closed.
    watch().catch(() => {});
    return () => {
      isWatched = false;
    };
  }

  /** Asks for batch after batch, and begins anew whenever the connection or the store has lost where it was. */
  async #follow(): Promise<void> {
    this.#isFollowing = true;
    try {
      for (;;) {
        const { following, start } = (await this.#connection.ask({ op: 'follow' })) as Begun;
        this.#reached = start;
        this.#followers.start(start);
        const reason = await this.#handOver(following, start).catch((error: unknown) => error);
        if (this.isClosed) return;
        this.#reached = undefined;
        this.#followers.lose(reason);
      }
    } catch {
      // The log has been closed.
    }
  }

  /** Hands over batches until no more come. Gives the reason. */
  async #handOver(following: number, { epoch, seq, publicSeq }: FollowStart): Promise<unknown> {
    let newestPublic = publicSeq;
    for (let after = seq; ;) {
      const next = (await this.#connection.ask({ op: 'next', following, after }, { isOfConnection: true })) as {
        readonly entries?: JsonEntry[];
      };
      if (!next.entries) return new Error('The store has lost where the log followed');
      const batch = next.entries.map(entryFromJson);
      after = batch.at(-1)?.seq ?? after;
      newestPublic = batch.findLast((entry) => !entry.private)?.seq ?? newestPublic;
      this.#reached = { epoch, seq: after, publicSeq: newestPublic };
      if (batch.length > 0) this.#followers.emit(batch);
    }
  }
}
