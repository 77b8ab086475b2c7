import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ServerError } from '../../../errors.ts';
import type { EarlierEpoch } from '../../epochs.ts';
import type { LogEntry } from '../../entry.ts';
import { MemoryLog } from '../../memory/memory-log.ts';
import { EARLIEST } from '../../position.ts';
import type { LogRetention } from '../../keeping/retention.ts';
import { answerTo } from '../../remote/question.ts';
import type { Selection } from '../../selection.ts';
import { ManualClock } from '../manual-clock.ts';
import { Faults, type FaultOptions } from './faults.ts';
import { otherValues } from './other-values.ts';
import { entryToJson, LineReader, type Answer, type Begun, type Question, type Request } from './protocol.ts';

export interface StoreOptions {
  readonly seed: number;
  readonly faults?: FaultOptions;
  readonly retention?: LogRetention;
  /** What the store's clock begins with, milliseconds since 1970. */
  readonly time: number;
  /** Whether the store knows for each topic how far it was trimmed, not only for the whole. @default true */
  readonly exact?: boolean;
}

const EVERYTHING: Selection = { topics: 'all', private: 'all' };

/** What has been asked by a client, so that a request that comes again does nothing again. */
interface Client {
  answered: number;
  readonly answers: Map<number, Promise<Answer>>;
}

interface Following {
  readonly client: string;
  /** What was handed over to the store's own follower and not yet to this one: the numbers, and the entries that tell of deletions. */
  readonly handed: { readonly seq: number; readonly deletion?: LogEntry }[];
  /** Called when there are more, or when following ends. */
  wake: () => void;
  isLost: boolean;
  readonly stop: () => void;
}

/** A log in memory that others reach over a socket, with everything that may go wrong on the way. */
export class StoreServer {
  readonly #options: StoreOptions;
  readonly #faults: Faults;
  readonly #clock: ManualClock;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Map<string, Client>();
  readonly #followings = new Map<number, Following>();
  #log: MemoryLog;
  #epochs: readonly EarlierEpoch[] = [];
  #begun = 0;
  readonly #held = new Set<string>();
  /** What is being looked for, by the client and the number of its question. */
  readonly #asking = new Map<string, AbortController>();

  private constructor(options: StoreOptions) {
    this.#options = options;
    this.#faults = new Faults(options.seed, options.faults);
    this.#clock = new ManualClock(options.time);
    this.#log = this.#makeLog();
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async listen(options: StoreOptions): Promise<StoreServer> {
    const store = new StoreServer(options);
    await new Promise<void>((resolve) => void store.#server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  /** Cuts every connection. What was being followed has to be followed anew. */
  cut(): void {
    this.#loseFollowings();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Holds back what is to be handed over to a client, or lets it go. */
  hold(client: string, isHeld: boolean): void {
    if (isHeld) this.#held.add(client);
    else this.#held.delete(client);
    for (const following of this.#followings.values()) following.wake();
  }

  /** Trims as another process would, whatever the retention. */
  async trim(through: number): Promise<void> {
    await this.#log.trim({ through });
  }

  /** Loses all events, and goes on after them with a new epoch. Returns its name. */
  async beginEpoch(): Promise<string> {
    const { head } = await this.#log.locate(EARLIEST);
    this.#epochs = [...this.#epochs, { epoch: this.#epoch, through: head }];
    await this.#log.close();
    this.#log = this.#makeLog();
    this.#loseFollowings();
    return this.#epoch;
  }

  async close(): Promise<void> {
    this.cut();
    await this.#log.close();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  get #epoch(): string {
    return `remote${this.#epochs.length}`;
  }

  #makeLog(): MemoryLog {
    const { retention = {} } = this.#options;
    return new MemoryLog({
      retention,
      clock: this.#clock,
      epoch: this.#epoch,
      earlierEpochs: this.#epochs,
      nextSeq: (seq) => this.#faults.nextSeq(seq),
    });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new LineReader((line) => this.#faults.deliver(() => void this.#receive(socket, line)));
    socket.setEncoding('utf8').on('data', (text) => reader.write(String(text)));
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
  }

  async #receive(socket: Socket, line: string): Promise<void> {
    const request = JSON.parse(line) as Request;
    let client = this.#clients.get(request.client);
    if (!client) this.#clients.set(request.client, (client = { answered: 0, answers: new Map() }));
    const answer = this.#answerOnce(client, request);
    if (!answer) return;
    const text = `${JSON.stringify(await answer)}\n`;
    this.#faults.deliver(() => socket.write(text));
  }

  /** Answers a request as the first time; not at all where the client has the answer and this is a late copy. */
  #answerOnce(client: Client, { client: name, id, answered, question }: Request): Promise<Answer> | undefined {
    client.answered = Math.max(client.answered, answered);
    for (const known of client.answers.keys()) if (known < client.answered) client.answers.delete(known);
    if (id < client.answered) return undefined;
    let answer = client.answers.get(id);
    if (!answer) client.answers.set(id, (answer = this.#answer(name, id, question)));
    return answer;
  }

  async #answer(client: string, id: number, question: Question): Promise<Answer> {
    try {
      const value = await this.#doFor(client, id, question);
      const { head } = await this.#log.locate(EARLIEST);
      const through = this.#faults.trim(head);
      if (through !== undefined) await this.#log.trim({ through });
      return { id, value };
    } catch (error) {
      const code = error instanceof ServerError ? error.code : 'ERR_NOT_STORED';
      const { until, index } = error instanceof ServerError ? error : {};
      return { id, error: { code, message: error instanceof Error ? error.message : String(error), until, index } };
    }
  }

  /** Does it for as long as the client that asked is there. */
  async #doFor(client: string, id: number, question: Question): Promise<unknown> {
    const left = new AbortController();
    const name = `${client} ${id}`;
    this.#asking.set(name, left);
    try {
      return await this.#do(client, question, left.signal);
    } finally {
      this.#asking.delete(name);
    }
  }

  async #do(client: string, question: Question, signal: AbortSignal): Promise<unknown> {
    const log = this.#log;
    switch (question.op) {
      case 'read': {
        const page = await log.read(question, { signal });
        const { trimmedThrough, trims } = this.#options.exact === false ? await this.#everything(0, 0) : page;
        return { ...page, trimmedThrough, trims, entries: page.entries.map(entryToJson) };
      }
      case 'leave':
        return this.#asking.get(`${client} ${question.asked}`)?.abort();
      case 'watchValues':
        return await otherValues(log.values, question.prefix, question.known);
      case 'follow':
        return this.#follow(client);
      case 'next':
        return await this.#next(question.following, question.after);
      default:
        return await answerTo(log, question, signal);
    }
  }

  #follow(client: string): Begun {
    const handed: Following['handed'] = [];
    let start = { epoch: '', seq: 0, publicSeq: 0 };
    const own = this.#log.follow({
      onStart: (begun) => {
        start = begun;
      },
      onBatch: (batch) => {
        for (const entry of batch) {
          handed.push(entry.deletes === true ? { seq: entry.seq, deletion: entry } : { seq: entry.seq });
        }
        following.wake();
      },
      onLost: () => {},
    });
    const following: Following = { client, handed, wake: () => {}, isLost: false, stop: () => own.stop() };
    this.#begun += 1;
    this.#followings.set(this.#begun, following);
    return { following: this.#begun, start };
  }

  /** The batches after a sequence number, as one; `lost` if some of it has been trimmed or following has to begin anew. */
  async #next(number: number, after: number): Promise<unknown> {
    const following = this.#followings.get(number);
    if (!following) return { lost: true };
    const { handed } = following;
    const known = handed.findIndex(({ seq }) => seq > after);
    handed.splice(0, known === -1 ? handed.length : known);
    while (!following.isLost && (this.#held.has(following.client) || handed.length === 0)) {
      await new Promise<void>((resolve) => {
        following.wake = resolve;
      });
    }
    const expected = [...handed];
    const entries = expected.flatMap(({ deletion }) => deletion ?? []);
    const through = expected.at(-1)?.seq ?? after;
    for (let reached = after; !following.isLost && reached < through;) {
      const page = await this.#everything(reached, through);
      entries.push(...page.entries);
      reached = page.through;
    }
    // The batches are read when they are handed over: what has been removed before is lost to those who follow.
    if (entries.length < expected.length) following.isLost = true;
    entries.sort((one, other) => one.seq - other.seq);
    if (!following.isLost) return { entries: entries.map(entryToJson) };
    following.stop();
    this.#followings.delete(number);
    return { lost: true };
  }

  #everything(after: number, through: number): ReturnType<MemoryLog['read']> {
    return this.#log.read({ selection: EVERYTHING, after, through, maxBytes: 2 ** 20 });
  }

  #loseFollowings(): void {
    for (const following of this.#followings.values()) {
      following.isLost = true;
      following.stop();
      following.wake();
    }
    this.#followings.clear();
  }
}
