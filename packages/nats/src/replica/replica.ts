import {
  type EarlierEpoch,
  type LogEntry,
  type MemoryLogRecord,
  MemoryLog,
  newEpoch,
  type Position,
  type ServerError,
  type TrimLedger,
  wentTo,
} from '@tidings/server/log';
import type { Settings } from '../options.ts';
import { type Moment, ReplicaClock } from './clock.ts';
import type { Command, Message } from './command.ts';
import { positionOf } from './position.ts';
import { joinedText, type Part, readPart } from './parts.ts';

// Guards the memory against nodes that come and go: the numbers of the ones that sent nothing for longest are forgotten.
const MAX_NODES = 10_000;

// What a node that has ended left behind of a message is dropped after this time, in milliseconds.
const MAX_PART_AGE_MS = 60_000;

/** What came of a command. */
export type Outcome = { readonly value: unknown } | { readonly error: ServerError };

/** A message that has been carried out. */
export interface Done {
  readonly node: string;
  readonly number: number;
  readonly outcomes: readonly Outcome[];
}

/** Everything that a replica has kept, as data. */
export interface ReplicaRecord {
  /** The number of the last message of the stream that it has carried out. */
  readonly at: number;
  readonly moment: Moment;
  readonly settings: Settings;
  readonly nodes: readonly (readonly [node: string, number: number])[];
  /** The run of the server on which the log is, if that is known. */
  readonly server?: string | undefined;
  /** How far epochs are known to have gone whose last events are lost. @default none */
  readonly went?: readonly EarlierEpoch[] | undefined;
  readonly log: MemoryLogRecord;
}

interface Incomplete {
  readonly number: number;
  /** When the first part came, by the time that all replicas have: the clocks of the nodes may be set to anything. */
  readonly begun: number;
  readonly parts: Uint8Array[];
}

/** How a node makes a log in memory, beside what all nodes agree on. */
export interface ReplicaHost {
  readonly scanMs?: number | undefined;
  /** The events of a message that has been carried out. */
  onBatch(batch: readonly LogEntry[]): void;
  /** The log in memory is another one now. */
  onLog(log: MemoryLog): void;
}

/**
 * The state of the log, made of nothing but the messages of the stream in their order. So all replicas that have carried out the same messages are the same, and decide
 * alike what is refused.
 */
export class Replica {
  readonly #host: ReplicaHost;
  /** The number that each node gave its last message that was carried out. */
  readonly #nodes: Map<string, number>;
  readonly #incomplete = new Map<string, Incomplete>();
  #at: number;
  #last: Uint8Array | undefined;
  readonly #clock: ReplicaClock;
  #settings: Settings;
  #log: MemoryLog;
  #hasBegun: boolean;
  #server: string | undefined;
  #went: readonly EarlierEpoch[];
  #fresh = '';
  #batch: LogEntry[] = [];

  /** @param known what another replica has kept @param ledger that of an earlier state in this process */
  constructor(host: ReplicaHost, known?: ReplicaRecord, ledger?: TrimLedger) {
    this.#host = host;
    this.#at = known?.at ?? 0;
    this.#clock = new ReplicaClock(known?.moment ?? { time: 0, now: 0 });
    this.#settings = known?.settings ?? { retention: {} };
    this.#nodes = new Map(known?.nodes);
    this.#hasBegun = known !== undefined;
    this.#server = known?.server;
    this.#went = known?.went ?? [];
    this.#log = this.#makeLog(known ? { record: known.log, ledger } : { epoch: newEpoch(0) });
  }

  get at(): number {
    return this.#at;
  }

  /** The message of that number, if this replica has carried out any. */
  get last(): Uint8Array | undefined {
    return this.#last;
  }

  get log(): MemoryLog {
    return this.#log;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** When the last message was sent. */
  get moment(): Moment {
    return this.#clock.moment;
  }

  /** Whether a log has begun. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The run of the server on which the log is, as of the last message that has named one. */
  get server(): string | undefined {
    return this.#server;
  }

  /** Whether no message is there in part, so that a record has everything. */
  get isWhole(): boolean {
    return this.#incomplete.size === 0;
  }

  record(): ReplicaRecord {
    return {
      at: this.#at,
      moment: this.#clock.moment,
      settings: this.#settings,
      nodes: [...this.#nodes],
      server: this.#server,
      went: this.#went,
      log: this.#log.record(),
    };
  }

  /** How many events are lost that somebody knows of who has got so far. */
  lostBehind(seen: Position): number {
    return this.#log.epochs.lostBehind(seen, positionOf(this.#log).seq, this.#went);
  }

  /** Carries out the next message of the stream. Undefined if that was carried out before, or is part of one. */
  async apply(at: number, bytes: Uint8Array): Promise<Done | undefined> {
    const part = readPart(bytes);
    this.#at = at;
    this.#last = bytes;
    if (!part) return undefined;
    const { node, number } = part;
    if (number <= (this.#nodes.get(node) ?? 0)) return undefined;
    const text = this.#completed(part);
    if (text === undefined) return undefined;
    this.#note(node, number);
    const { time, now, commands } = JSON.parse(text) as Message;
    const outcomes: Outcome[] = [];
    this.#clock.advance({ time, now });
    for (const command of commands) {
      // What comes before the beginning belongs to a log of which the rest is gone.
      if (this.#hasBegun || command.op === 'begin') outcomes.push(await this.#carryOut(command));
    }
    await this.#log.trim();
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length > 0) this.#host.onBatch(batch);
    return { node, number, outcomes };
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  /** The text of a message that is complete with this part. */
  #completed({ node, number, part, parts, bytes }: Part): string | undefined {
    const now = this.#clock.now();
    for (const [other, { begun }] of this.#incomplete) {
      if (now - begun > MAX_PART_AGE_MS) this.#incomplete.delete(other);
    }
    if (parts === 1) {
      this.#incomplete.delete(node);
      return joinedText([bytes]);
    }
    let known = this.#incomplete.get(node);
    if (known?.number !== number) {
      if (part > 0) return undefined;
      this.#incomplete.set(node, (known = { number, begun: now, parts: [] }));
    }
    // One may be there twice, because it was sent again.
    if (part === known.parts.length) known.parts.push(bytes.slice());
    if (known.parts.length < parts) return undefined;
    this.#incomplete.delete(node);
    return joinedText(known.parts);
  }

  #note(node: string, number: number): void {
    this.#nodes.delete(node);
    this.#nodes.set(node, number);
    const [oldest] = this.#nodes.keys();
    if (this.#nodes.size > MAX_NODES && oldest !== undefined) this.#nodes.delete(oldest);
  }

  async #carryOut(command: Command): Promise<Outcome> {
    try {
      return { value: await this.#do(command) };
    } catch (error) {
      return { error: error as ServerError };
    }
  }

  async #do(command: Command): Promise<unknown> {
    const { topics, values } = this.#log;
    if ('server' in command) this.#server = command.server ?? this.#server;
    switch (command.op) {
      case 'append':
        return await this.#log.append(command.events, command.options);
      case 'create':
        return await topics.create(command.topic, command.options, command.how);
      case 'delete':
        return await topics.delete(command.topic);
      case 'lease':
        this.#fresh = command.fresh;
        return await topics.lease(command.topic, command.ms, command.options);
      case 'release':
        return await topics.release(command.topic, command.token);
      case 'set value':
        return await values.set(command.name, command.value, command.options);
      case 'remove value':
        return await values.remove(command.name);
      case 'tick':
        return undefined;
      case 'settings':
        this.#settings = command.settings;
        await this.#goOn(this.#log.record());
        return await this.#log.trim({ isOther: true });
      case 'epoch':
        return await this.#beginEpoch(command);
      case 'begin':
        return await this.#begin(command);
    }
  }

  /** Goes on with what there is. The numbers of lost events are left free, and count as trimmed. */
  async #beginEpoch({ epoch, seen }: Command & { readonly op: 'epoch' }): Promise<void> {
    const record = this.#log.record();
    const lost = seen ? this.lostBehind(seen) : 0;
    if (seen && lost === 0) return;
    const seq = record.seq + lost;
    const earlierEpochs = this.#log.epochs.begin(epoch, seq).earlier;
    if (!seen) return await this.#goOn({ ...record, epoch, earlierEpochs });
    this.#went = wentTo(this.#went, seen);
    const trimmed = { ...record.trimmed, floor: { ...record.trimmed.floor, all: seq, public: seq } };
    await this.#goOn({ ...record, epoch, earlierEpochs, seq, publicSeq: seq, trimmed });
  }

  /** Goes on with what the log had. */
  async #goOn(record: MemoryLogRecord): Promise<void> {
    const { ledger } = this.#log;
    await this.#log.close();
    this.#log = this.#makeLog({ record, ledger });
    this.#host.onLog(this.#log);
  }

  async #begin({ epoch, earlier, settings }: Command & { readonly op: 'begin' }): Promise<void> {
    await this.#log.close();
    this.#settings = settings;
    this.#hasBegun = true;
    this.#batch = [];
    this.#log = this.#makeLog({ epoch, earlierEpochs: earlier });
    this.#host.onLog(this.#log);
  }

  #makeLog(begun: ConstructorParameters<typeof MemoryLog>[0]): MemoryLog {
    const log = new MemoryLog({
      ...this.#settings,
      ...begun,
      clock: this.#clock,
      scanMs: this.#host.scanMs,
      newToken: () => this.#fresh,
    });
    log.follow({ onStart: () => {}, onBatch: (batch) => void this.#batch.push(...batch), onLost: () => {} });
    return log;
  }
}
