import type { ListedListener } from './listed.ts';

/** The name of the question by which a process keeps up with the listeners of the others. */
export const WATCH = 'watch';

/** What a process asks the others, about all topics whose listeners somebody watches there. */
export interface WatchQuestion {
  readonly process: number;
  readonly topics: readonly string[];
  /** The number of the last answer of each of the others that has come. One whose last answer has not tells everything anew. */
  readonly seen: readonly (readonly [process: number, answer: number])[];
}

/** A listener of the process that answers. */
export type SentListener = readonly [number: number, since: number, subject?: string | undefined];

/** What is new of the listeners of a topic at the process that answers. */
export interface TopicNews {
  readonly topic: string;
  readonly opened: readonly SentListener[];
  readonly closed: readonly number[];
  readonly page?: {
    /** Whether those of its pages take the place of all that was told before. */
    readonly isFirst: boolean;
    readonly listeners: readonly SentListener[];
    readonly isLast: boolean;
  };
}

export interface WatchAnswer {
  readonly process: number;
  /** Its number among the answers to the one that asks, from 1. */
  readonly answer: number;
  readonly news: readonly TopicNews[];
  /** Whether there is more to tell at once. */
  readonly hasMore: boolean;
}

export function sentListener({ number, since, subject }: ListedListener): SentListener {
  return subject === undefined ? [number, since] : [number, since, subject];
}
