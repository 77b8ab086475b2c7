import type { Duplex } from 'node:stream';
import type { EventLog, FollowStart, LogPage } from '../event-log.ts';
import { encodeEntries } from './entries.ts';
import { encodeMessage, type HostMessage, MessageReader, type Received, type UserMessage, VERSION } from './message.ts';
import { answerTo, type Question, valuesOf } from './question.ts';
import { LeftEvents } from './peers/left-events.ts';
import type { Peer } from './host-peers.ts';
import type { NamedCounts, PeersRecord } from './peers/peers.ts';
import type { CountChange, Holder, RefusedChange } from './peers/shared-counts.ts';
import { sentError } from './sent-error.ts';

export interface HostLimits {
  readonly maxUnreadBytes: number;
  readonly maxQuestions: number;
}

/** What a connection needs of its host. */
export interface ConnectionHost {
  /** The number that it has given to the connection. */
  readonly number: number;
  /** How far the log has handed over; undefined while it does not. */
  reached(): FollowStart | undefined;
  /** Why it does not. */
  lostReason(): string;
  /** Asks the other processes. */
  askOthers(question: unknown): Promise<readonly unknown[]>;
  /** Tells the other processes. */
  tellOthers(news: unknown): void;
  /** Changes what all processes count. Returns the changes that were refused. */
  count(changes: readonly CountChange[]): readonly RefusedChange[];
  /** What is known of all processes. */
  record(): PeersRecord;
  onClose(): void;
}

/** The prefixes that a process may watch at the same time, and the questions to all others that it may have open. A hub has one of each. */
const MAX_WATCHES = 100;
const MAX_PEER_QUESTIONS = 100;

/** The connection of a process that uses the log of this one. */
export class HostConnection implements Peer {
  readonly #socket: Duplex;
  readonly #log: EventLog;
  readonly #limits: HostLimits;
  readonly #host: ConnectionHost;
  /** What is being looked for. */
  readonly #asked = new Map<number, AbortController>();
  readonly #watches = new Map<number, () => void>();
  readonly #queries = new Map<number, (value: unknown) => void>();
  #lastQuery = 0;
  #peerQuestions = 0;
  readonly number: number;
  readonly holder: Holder = new Map();
  told: NamedCounts = {};
  readonly left: LeftEvents = new LeftEvents();
  #isGreeted = false;
  /** `behind` is one that reads too slowly: it is handed over nothing more until it has read all that waits. */
  #follows: 'no' | 'yes' | 'behind' = 'no';

  constructor(socket: Duplex, log: EventLog, limits: HostLimits, host: ConnectionHost) {
    this.#socket = socket;
    this.#log = log;
    this.#limits = limits;
    this.#host = host;
    this.number = host.number;
    const reader = new MessageReader<UserMessage>((received) => this.#receive(received));
    socket.on('data', (part: Buffer) => {
      try {
        reader.write(part);
      } catch {
        // It is no process that speaks this protocol.
        socket.destroy();
      }
    });
    socket.on('drain', () => this.#drained());
    socket.on('error', () => {}).on('close', () => this.#closed());
    // The other side ends only when it is gone.
    socket.on('end', () => socket.destroy());
  }

  send(message: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(message);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Hands over what the log has handed over. */
  tell(message: Buffer): void {
    if (this.#follows !== 'yes') return;
    if (this.#socket.writableLength <= this.#limits.maxUnreadBytes) return this.send(message);
    this.#follows = 'behind';
    this.#say({ is: 'lost', reason: 'This process has not read what was committed fast enough' });
  }

  inform(message: Buffer): void {
    if (this.#socket.writableLength <= this.#limits.maxUnreadBytes) this.send(message);
  }

  query(question: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      if (this.#queries.size >= MAX_PEER_QUESTIONS || this.#socket.destroyed) return resolve(undefined);
      this.#lastQuery += 1;
      this.#queries.set(this.#lastQuery, resolve);
      this.#say({ is: 'query', id: this.#lastQuery, question });
    });
  }

  #say(message: HostMessage): void {
    this.send(encodeMessage(message));
  }

  #receive({ message }: Received<UserMessage>): void {
    if (!this.#isGreeted) {
      if (message.is !== 'hello' || message.version !== VERSION) throw new Error('Another version');
      this.#isGreeted = true;
      return;
    }
    switch (message.is) {
      case 'hello':
        break;
      case 'follow':
        return this.#follow();
      case 'ask':
        return void this.#answer(message.id, message.question);
      case 'leave':
        return this.#asked.get(message.id)?.abort();
      case 'watch':
        return this.#watch(message.id, message.prefix);
      case 'unwatch':
        this.#watches.get(message.id)?.();
        return void this.#watches.delete(message.id);
      case 'peers':
        return void this.#askOthers(message.id, message.question);
      case 'tell':
        return this.#host.tellOthers(message.news);
      case 'count':
        return this.#say({ is: 'answer', id: message.id, value: this.#host.count(message.changes) });
      case 'keep':
        this.told = message.counts;
        return;
      case 'record':
        return this.#say({ is: 'answer', id: message.id, value: this.#host.record() });
      case 'will':
        return this.left.put(message.name, message.events);
      case 'bye':
        return this.left.clear();
      case 'reply':
        this.#queries.get(message.id)?.(message.value);
        this.#queries.delete(message.id);
        return;
    }
    throw new Error('An unknown message');
  }

  #follow(): void {
    if (this.#follows !== 'no') return;
    this.#follows = 'yes';
    const start = this.#host.reached();
    // Otherwise it is told when the log begins to hand over.
    this.#say(start ? { is: 'start', start } : { is: 'lost', reason: this.#host.lostReason() });
  }

  async #answer(id: number, question: Question): Promise<void> {
    const left = new AbortController();
    this.#asked.set(id, left);
    this.#rest();
    try {
      const value = await answerTo(this.#log, question, left.signal);
      if (question.op === 'read') this.#sendPage(id, value as LogPage);
      else this.#say({ is: 'answer', id, value });
    } catch (error) {
      if (!left.signal.aborted) this.#say({ is: 'answer', id, error: sentError(error) });
    } finally {
      this.#asked.delete(id);
      this.#rest();
    }
  }

  #sendPage(id: number, { entries, ...page }: LogPage): void {
    this.send(encodeMessage({ is: 'answer', id, value: page, isPage: true }, encodeEntries(entries)));
  }

  #watch(id: number, prefix: string): void {
    if (this.#watches.size >= MAX_WATCHES) throw new Error('Too many watches');
    const stop = valuesOf(this.#log).watch(prefix, (change) => this.#say({ is: 'values', id, change }));
    this.#watches.set(id, stop);
  }

  async #askOthers(id: number, question: unknown): Promise<void> {
    if (this.#peerQuestions >= MAX_PEER_QUESTIONS) return this.#say({ is: 'answer', id, value: [] });
    this.#peerQuestions += 1;
    const value = await this.#host.askOthers(question);
    this.#peerQuestions -= 1;
    this.#say({ is: 'answer', id, value });
  }

  /** Reads no more questions while there are many, or while answers are not read. */
  #rest(): void {
    const { maxQuestions, maxUnreadBytes } = this.#limits;
    const isFull = this.#asked.size >= maxQuestions || this.#socket.writableLength > maxUnreadBytes;
    if (isFull) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #drained(): void {
    this.#rest();
    const start = this.#host.reached();
    if (this.#follows !== 'behind') return;
    this.#follows = 'yes';
    // What it has missed lies between what it was handed over and this.
    if (start) this.#say({ is: 'start', start });
  }

  #closed(): void {
    for (const left of this.#asked.values()) left.abort();
    for (const stop of this.#watches.values()) stop();
    for (const resolve of this.#queries.values()) resolve(undefined);
    this.#queries.clear();
    this.#host.onClose();
  }
}
