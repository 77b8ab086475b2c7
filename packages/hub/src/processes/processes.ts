import { createHash } from 'node:crypto';
import type { NewEvent } from '@tidings/server/log';
import type { NamedCounts, Peers, PeersRecord } from '@tidings/server/log/remote';

/** What one process asks or tells the others. */
interface Message {
  readonly what: string;
  readonly about: unknown;
}

/** What is counted in all processes together. */
export interface CountedName {
  readonly kind: string;
  /** Whose it is. @default it is of all */
  readonly name?: string;
  /** How many there may be. */
  readonly most: number;
}

/** Names are those of clients, and a process keeps them for all others. A longer one is counted by its digest. */
const MAX_NAME_LENGTH = 100;

/**
 * The processes that serve one hub on one log, as one of them knows them (PROTOCOL §1.6). A hub of one process has no others: whatever it asks them has no answers.
 * What is asked and told is plain data, and goes through the process of the log.
 */
export class Processes {
  readonly #peers: Peers | undefined;
  readonly #answers = new Map<string, (about: never) => unknown>();
  readonly #news = new Map<string, (about: never) => void>();
  readonly #gone: ((process: number | undefined) => void)[] = [];

  constructor(peers: Peers | undefined) {
    this.#peers = peers;
    peers?.onAsk((message) => {
      const { what, about } = message as Message;
      return this.#answers.get(what)?.(about as never);
    });
    peers?.onTell((message) => {
      const { what, about } = message as Message;
      this.#news.get(what)?.(about as never);
    });
    peers?.onGone((process) => {
      for (const take of this.#gone) take(process);
    });
  }

  /** Whether there are no other processes. */
  get isAlone(): boolean {
    return this.#peers === undefined;
  }

  /** The number of this process; 0 for a hub of one process. */
  get number(): number {
    return this.#peers?.number ?? 0;
  }

  /** What all processes have together; undefined if there is only this one. */
  get secret(): Uint8Array | undefined {
    return this.#peers?.secret;
  }

  /** Asks the others. One that does not answer within a second is left out. */
  async ask<Answer>(what: string, about: unknown = null): Promise<readonly Answer[]> {
    return ((await this.#peers?.ask({ what, about } satisfies Message)) ?? []) as readonly Answer[];
  }

  onAsk(what: string, answer: (about: never) => unknown): void {
    this.#answers.set(what, answer);
  }

  /** Tells the others. */
  tell(what: string, about: unknown): void {
    this.#peers?.tell({ what, about } satisfies Message);
  }

  onTell(what: string, take: (about: never) => void): void {
    this.#news.set(what, take);
  }

  /** @param take is given the number of a process that is gone, or undefined when this one has another number and all others may have */
  onGone(take: (process: number | undefined) => void): void {
    this.#gone.push(take);
  }

  /** Counts one more under each of these names in all processes, or under none. Resolves to the index of the first that has no room; undefined if they were counted. */
  async take(...counted: readonly CountedName[]): Promise<number | undefined> {
    return await this.#peers?.take(
      counted.map(({ kind, name, most }) => [nameOf(kind, name), most === Number.POSITIVE_INFINITY ? null : most]),
    );
  }

  /** Counts it, however many there are. */
  add(...counted: readonly CountedName[]): void {
    this.#peers?.add(counted.map(({ kind, name }) => nameOf(kind, name)));
  }

  /** Takes back what was counted once. */
  free(...counted: readonly CountedName[]): void {
    this.#peers?.free(counted.map(({ kind, name }) => nameOf(kind, name)));
  }

  /** Tells what this process has counted, and resolves to what is known of the others; undefined if there are none. */
  async record(counts: NamedCounts): Promise<PeersRecord | undefined> {
    this.#peers?.keep(counts);
    return await this.#peers?.record();
  }

  /** Leaves word of what this process has counted, because somebody was told of it. */
  keep(counts: NamedCounts): void {
    this.#peers?.keep(counts);
  }

  /** Leaves events that are published if this process dies; undefined takes them back. */
  leave(name: string, events: readonly NewEvent[] | undefined): void {
    this.#peers?.leave(name, events);
  }
}

function nameOf(kind: string, name = ''): string {
  return `${kind} ${name.length > MAX_NAME_LENGTH ? createHash('sha256').update(name).digest('base64url') : name}`;
}
