import { connect as connectTo } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock, type Clock } from '../../clock.ts';
import { checkInteger, checkNames, counted, ServerError, shown } from '../../errors.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  FollowStart,
  LogFollower,
  LogFollowing,
  LogPage,
  PagePlan,
  ReadRequest,
} from '../event-log.ts';
import { Followers } from '../keeping/followers.ts';
import { shareSecret } from '../mark.ts';
import type { ValuesChange } from '../stored-values.ts';
import { AskingLog } from './asking-log.ts';
import { type Hello, HostLink } from './host-link.ts';
import type { PageReader } from './page-reader.ts';
import { OwnPeers } from './own-peers.ts';
import type { Peers } from './peers/peers.ts';
import { plainEvents } from './plain-events.ts';
import type { Question } from './question.ts';
import { storeAway } from './sent-error.ts';

export interface RemoteLogOptions {
  /** A socket to the process of the log, of which this log has the only end here. When it is closed the log is out of reach for good. */
  readonly socket?: Duplex | undefined;
  /** The path of the Unix socket of the process of the log, in the place of `socket`. When the connection is lost it is made again, until the log is closed. */
  readonly path?: string | undefined;
  /**
   * How many bytes appends may take that have not been answered yet. Further ones are refused with `ERR_TOO_MUCH_WAITS`. It guards the memory against publishers that are
   * faster than the process of the log. From 1. @default 33554432
   */
  readonly maxWaitingBytes?: number | undefined;
  /** Reads pages from the files of the log, which is faster. The log closes it when it is closed. @default the process of the log reads all pages */
  readonly reader?: PageReader | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

const NAMES: Readonly<Record<keyof RemoteLogOptions, true>> = {
  socket: true,
  path: true,
  maxWaitingBytes: true,
  reader: true,
  clock: true,
};
const MAX = 2 ** 31 - 1;

/** How long is waited before the connection is made again, in milliseconds: longer each time. */
const FIRST_WAIT_MS = 20;
const MAX_WAIT_MS = 1000;

/** How long the process of the log may take to say its first word, in milliseconds. */
const HELLO_MS = 5000;

/** A log in another process of this machine, which serves it with a `LogHost`. It follows once, however many followers it has. */
export class RemoteLog extends AskingLog {
  /** The other processes that use the log in this way. */
  readonly peers: Peers;
  readonly #peers: OwnPeers;
  /** Resolves when the socket that was given has been closed, unless `close` was called before. */
  readonly gone: Promise<void>;
  readonly #options: RemoteLogOptions;
  readonly #clock: Clock;
  readonly #maxWaitingBytes: number;
  readonly #followers = new Followers();
  readonly #watches = new Map<number, { readonly prefix: string; readonly onChange: (change: ValuesChange) => void }>();
  /** Undefined while there is no connection. */
  #link: HostLink | undefined;
  #isFollowing = false;
  /** How far followers have been handed over; undefined while they are not handed anything. */
  #reached: FollowStart | undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: unknown;
  #lastWatch = 0;
  #waitingBytes = 0;
  readonly #appending = new Set<Promise<unknown>>();
  #tellGone = (): void => {};
  protected isClosed = false;

  private constructor(link: HostLink, hello: Hello, options: RemoteLogOptions) {
    super(hello.facts);
    const { clock = systemClock, maxWaitingBytes = 32 * 1024 * 1024 } = options;
    this.#options = options;
    this.#clock = clock;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.gone = new Promise((resolve) => {
      this.#tellGone = resolve;
    });
    this.#peers = new OwnPeers(hello);
    this.peers = this.#peers;
    this.#use(link, hello);
  }

  /**
   * Connects to the process of the log. Resolves when that has answered.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, `ERR_STORE_AWAY` if it cannot be reached or is of another version
   */
  static async open(options: RemoteLogOptions): Promise<RemoteLog> {
    checkOptions(options);
    const link = new HostLink(socketOf(options), options.clock ?? systemClock);
    return new RemoteLog(link, await link.hello(HELLO_MS), options);
  }

  /** The same as of any log. An append whose answer is awaited when the connection is lost rejects with `ERR_STORE_AWAY`: whether it was stored is not known then. */
  override async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    const append = super.append(plainEvents(events), options);
    this.#appending.add(append);
    try {
      return await append;
    } finally {
      this.#appending.delete(append);
    }
  }

  override async read(request: ReadRequest, options: AskOptions = {}): Promise<LogPage> {
    const { reader } = this.#options;
    const plan = reader && (await this.plan?.(request));
    options.signal?.throwIfAborted();
    const page = plan && pageOf(reader, request, plan);
    if (!page) return await super.read(request, options);
    const { trimmedThrough, trims, finalSeq, deletedThrough } = plan;
    return { ...page, trimmedThrough, trims, finalSeq, deletedThrough };
  }

  follow(follower: LogFollower): LogFollowing {
    const following = this.#followers.add(follower, this.#reached);
    if (!this.#isFollowing) {
      this.#isFollowing = true;
      this.#link?.send({ is: 'follow' });
    }
    return following;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await Promise.allSettled(this.#appending);
    this.#clock.clearTimeout(this.#timer);
    this.#followers.clear();
    this.#watches.clear();
    this.#link?.end(new ServerError('ERR_CLOSED', 'Cannot ask the log: it has been closed'));
    this.#link = undefined;
    this.#peers.cut();
    await this.#options.reader?.close();
  }

  protected async ask(question: Question, { signal }: AskOptions = {}): Promise<unknown> {
    signal?.throwIfAborted();
    const what = question.op === 'append' ? 'Cannot append' : 'Cannot ask the log';
    const link = this.#link;
    if (!link) throw this.isClosed ? closed(what) : storeAway(what);
    const prepared = link.prepare({ is: 'ask', question });
    if (question.op !== 'append') return await link.ask(prepared, signal);
    const { length: bytes } = prepared.encoded;
    // One that is larger than the limit goes alone.
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#maxWaitingBytes) {
      throw new ServerError(
        'ERR_TOO_MUCH_WAITS',
        `Cannot append: appends of ${counted(this.#waitingBytes, 'byte')} wait for the process of the log`,
      );
    }
    this.#waitingBytes += bytes;
    try {
      return await link.ask(prepared, signal);
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  protected watch(prefix: string, onChange: (change: ValuesChange) => void): () => void {
    this.#lastWatch += 1;
    const id = this.#lastWatch;
    this.#watches.set(id, { prefix, onChange });
    this.#link?.send({ is: 'watch', id, prefix });
    return () => {
      if (this.#watches.delete(id)) this.#link?.send({ is: 'unwatch', id });
    };
  }

  /** Works over a connection whose other side has said its first word. */
  #use(link: HostLink, hello: Hello): void {
    this.#link = link;
    this.#waitMs = FIRST_WAIT_MS;
    shareSecret(this, hello.marks);
    link.listen(
      {
        onStart: (start) => {
          this.#reached = start;
          this.#followers.start(start);
        },
        onBatch: (batch) => this.#handOver(batch),
        onLost: (reason) => this.#lose(new Error(reason)),
        onValues: (id, change) => this.#watches.get(id)?.onChange(change),
        answerPeers: (question) => this.#peers.answer(question),
        onTold: (news) => this.#peers.told(news),
        onGone: (number) => this.#peers.isGone(number),
      },
      () => this.#cut(link),
    );
    if (this.#isFollowing) link.send({ is: 'follow' });
    for (const [id, { prefix }] of this.#watches) link.send({ is: 'watch', id, prefix });
    this.#peers.use(link, hello);
  }

  #handOver(batch: readonly LogEntry[]): void {
    const last = batch.at(-1);
    if (!last || !this.#reached) return;
    const { epoch, publicSeq } = this.#reached;
    const newestPublic = batch.findLast((entry) => !entry.private)?.seq ?? publicSeq;
    this.#reached = { epoch, seq: last.seq, publicSeq: newestPublic };
    this.#followers.emit(batch);
  }

  /** Followers that have been handed something are told that nothing follows now. */
  #lose(reason: Error): void {
    this.#reached = undefined;
    this.#followers.lose(reason);
  }

  #cut(link: HostLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#peers.cut();
    this.#lose(storeAway('Cannot follow the log', link.reason));
    if (this.#options.path === undefined) this.#tellGone();
    else this.#reconnectLater();
  }

  #reconnectLater(): void {
    const ms = this.#waitMs;
    this.#waitMs = Math.min(2 * ms, MAX_WAIT_MS);
    this.#timer = this.#clock.setTimeout(() => void this.#reconnect(), ms);
  }

  async #reconnect(): Promise<void> {
    const link = new HostLink(socketOf(this.#options), this.#clock);
    try {
      const hello = await link.hello(HELLO_MS);
      if (!this.isClosed) return this.#use(link, hello);
      link.end(closed('Cannot ask the log'));
    } catch {
      // What was wrong is no news: the followers have been told that the log is out of reach.
      if (!this.isClosed) this.#reconnectLater();
    }
  }
}

/** The process of the log reads a page that cannot be read here, such as because the system has no room for one more reader. */
function pageOf(reader: PageReader, request: ReadRequest, plan: PagePlan): ReturnType<PageReader['page']> {
  try {
    return reader.page(request, plan);
  } catch {
    return undefined;
  }
}

function closed(what: string): ServerError {
  return new ServerError('ERR_CLOSED', `${what}: the log has been closed`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkOptions(options: RemoteLogOptions): void {
  checkNames(options, NAMES);
  const { socket, path, maxWaitingBytes } = options;
  if ((socket === undefined) === (path === undefined)) {
    const found = socket === undefined ? 'neither' : 'both';
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `A log in another process has a socket or a path, and was given ${found}`,
    );
  }
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw new ServerError('ERR_INVALID_OPTION', `The option path is ${shown(path)}, but must be that of a Unix socket`);
  }
  if (socket !== undefined && typeof socket.write !== 'function') {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The option socket is ${shown(socket)}, but must be a stream that is read and written`,
    );
  }
  if (maxWaitingBytes !== undefined) checkInteger('maxWaitingBytes', maxWaitingBytes, 1, MAX);
}

function socketOf({ socket, path = '' }: RemoteLogOptions): Duplex {
  return socket ?? connectTo(path);
}
