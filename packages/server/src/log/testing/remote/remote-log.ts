import type { Clock } from '../../../clock.ts';
import { ServerError } from '../../../errors.ts';
import type { LogEntry, NewEvent } from '../../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  EventLog,
  FollowStart,
  LogFollower,
  LogFollowing,
  LogPage,
  Place,
  ReadRequest,
  TopicDirectory,
  TopicPage,
} from '../../event-log.ts';
import { Followers } from '../../keeping/followers.ts';
import type { Selection } from '../../selection.ts';
import type { TopicLease, TopicStates, TopicStatus } from '../../topic-states.ts';
import { Connection } from './connection.ts';
import { entryFromJson, type Begun, type Question } from './protocol.ts';

export interface RemoteLogSettings {
  readonly port: number;
  /** No other log on the store may have it. */
  readonly name: string;
  readonly trimmedIsExact: boolean;
  readonly clock?: Clock;
}

type JsonEntry = LogEntry & { readonly frame: unknown };

/** A log whose events are in another process, over an unreliable connection. */
export class RemoteLog implements EventLog {
  readonly name: string;
  readonly trimmedIsExact: boolean;
  readonly directory: TopicDirectory = {
    list: async (request) => (await this.#connection.ask({ op: 'list', request })) as TopicPage,
  };
  readonly topics: TopicStates = {
    status: async (topic, options = {}) => (await this.#change({ op: 'status', topic, options })) as TopicStatus,
    create: async (topic, options = {}, how = {}) =>
      (await this.#change({ op: 'create', topic, options, how })) as { created: boolean },
    delete: async (topic) => (await this.#change({ op: 'delete', topic })) as { existed: boolean },
    lease: async (topic, ms, token) => {
      const renewed = token === undefined ? {} : { token };
      return (await this.#change({ op: 'lease', topic, ms, ...renewed })) as TopicLease;
    },
    release: async (topic, token) => void (await this.#change({ op: 'release', topic, token })),
  };
  readonly #connection: Connection;
  readonly #followers = new Followers();
  /** How far followers have been handed over; undefined while they are not handed anything. */
  #reached: FollowStart | undefined;
  #isFollowing = false;
  /** The last of the appends: the next one is sent when it is answered, so that they are stored in the order of the calls. */
  #appending: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor({ port, name, trimmedIsExact, clock }: RemoteLogSettings) {
    this.name = name;
    this.trimmedIsExact = trimmedIsExact;
    this.#connection = new Connection(port, name, clock);
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#isClosed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const append = this.#appending.then(() => this.#connection.ask({ op: 'append', events, options }));
    this.#appending = append.catch(() => {});
    return (await append) as AppendReceipt;
  }

  async read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const page = (await this.#connection.ask({ op: 'read', ...request }, { signal })) as LogPage & {
      entries: JsonEntry[];
    };
    return { ...page, entries: page.entries.map(entryFromJson) };
  }

  async locate(id: string, selection?: Selection, { signal }: AskOptions = {}): Promise<Place> {
    const where = selection === undefined ? {} : { selection };
    return (await this.#connection.ask({ op: 'locate', id, ...where }, { signal })) as Place;
  }

  async locateLast(selection: Selection, count: number, { signal }: AskOptions = {}): Promise<Place> {
    return (await this.#connection.ask({ op: 'locateLast', selection, count }, { signal })) as Place;
  }

  follow(follower: LogFollower): LogFollowing {
    const following = this.#followers.add(follower, this.#reached);
    if (!this.#isFollowing) void this.#follow();
    return following;
  }

  async trim(): Promise<void> {
    await this.#connection.ask({ op: 'trim' });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#appending;
    this.#followers.clear();
    this.#connection.close();
  }

  #change(question: Question): Promise<unknown> {
    if (this.#isClosed) throw new ServerError('ERR_CLOSED', 'Cannot look at topics: the log has been closed');
    return this.#connection.ask(question);
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
        if (this.#isClosed) return;
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
