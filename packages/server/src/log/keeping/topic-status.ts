import type { TopicStatus } from '../topic-states.ts';
import type { TopicRecord } from './topic-book.ts';
import { finalSeqOf, isKnownPublicly, phaseOf, type TopicFacts } from './topic-rules.ts';

/** How the status of a topic is told. */
interface StatusView {
  readonly publicOnly?: boolean | undefined;
  /** Whether only the newest event of each key is kept of it. */
  readonly keepsLatest: boolean;
  /** How far the time of the log is ahead of the clock, in milliseconds. */
  readonly ahead: number;
}

/** What is remembered of a topic, as part of its status. */
export function statusOf(
  topic: string,
  record: TopicRecord | undefined,
  facts: TopicFacts,
  { publicOnly = false, keepsLatest, ahead }: StatusView,
): Pick<TopicStatus, 'topic' | 'state' | 'finalSeq' | 'options' | 'keep' | 'leasedUntil'> {
  const { options, lease } = record ?? {};
  const kept = keepsLatest ? { keep: 'latest' as const } : {};
  if (publicOnly && !isKnownPublicly(record, facts)) {
    // That it was created shows no event, and what is kept of it neither.
    return options ? { topic, state: 'open', options, ...kept } : { topic, state: 'unknown', ...kept };
  }
  const finalSeq = record && finalSeqOf(record, !publicOnly);
  return {
    topic,
    state: phaseOf(record, facts),
    ...(finalSeq === undefined ? {} : { finalSeq }),
    ...(options ? { options } : {}),
    ...kept,
    ...(lease ? { leasedUntil: Math.ceil(lease.until - ahead) } : {}),
  };
}
