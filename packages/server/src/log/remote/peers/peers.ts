import type { NewEvent } from '../../entry.ts';
import type { LogTotals } from '../../event-log.ts';
import type { Counted } from './shared-counts.ts';

/** Counts by their names. */
export type NamedCounts = Readonly<Record<string, number>>;

/** What the process of the log knows of all that use it. */
export interface PeersRecord {
  /** How long that process has served the log, in milliseconds. */
  readonly upMs: number;
  /** How many events the log has handed over since that process began to serve it. */
  readonly events: number;
  /** What the log keeps, if it can say so. */
  readonly log: LogTotals | undefined;
  /** What each of the others has told last of what it has counted, by its number. */
  readonly told: readonly (readonly [number: number, counts: NamedCounts])[];
  /** The same of those that are gone, added up. */
  readonly gone: NamedCounts;
}

/** The other processes that use the same log, such as those that serve the same hub on one machine. What is asked and told is plain data. */
export interface Peers {
  /** The number of this process among all that have connected to the log, from 1. It is another one when the connection was made again. */
  readonly number: number;
  /** 32 random bytes that all of them have, and nobody else. They are others when the process of the log was started again. */
  readonly secret: Uint8Array;
  /**
   * Asks each of the others something. Resolves to their answers, in no order. One that does not answer within a second, or that does not answer such a question, has none.
   * Never rejects: without a connection there are no answers. Many questions wait for each other.
   */
  ask(question: unknown): Promise<readonly unknown[]>;
  /** Says what the others are answered, if they ask: plain data, or undefined for no answer. There is one such function. */
  onAsk(answer: (question: unknown) => unknown): void;
  /** Tells all others something. One whose connection does not keep up is not told. */
  tell(news: unknown): void;
  /** Takes what others tell. There is one such function. */
  onTell(take: (news: unknown) => void): void;
  /** Takes the number of each that is gone from now on, or undefined when the connection was made again: who is there then has another number. There is one such function. */
  onGone(take: (number: number | undefined) => void): void;
  /**
   * Counts one more under each of these names, or under none of them: all processes together may have no more than so many. Resolves to the index of the first name that has no
   * room, and to undefined if it was counted. Never rejects: without a connection everything is. What a process has counted no longer counts when it is gone.
   */
  take(counted: readonly Counted[]): Promise<number | undefined>;
  /** Counts one more under each of these names, however many there are. */
  add(names: readonly string[]): void;
  /** Takes back what was counted once under each of these names. */
  free(names: readonly string[]): void;
  /** Tells what this process has counted since it was started, for {@link record}: numbers that only rise. */
  keep(counts: NamedCounts): void;
  /** Resolves to what the process of the log knows of all; undefined without a connection. */
  record(): Promise<PeersRecord | undefined>;
  /**
   * Leaves events, which the process of the log appends if this process is gone without having closed its log. Others under the same name take their place, and undefined takes
   * them back.
   */
  leave(name: string, events: readonly NewEvent[] | undefined): void;
}
