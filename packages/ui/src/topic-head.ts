import { publishUrl } from './address.ts';

/** What the hub tells of a topic that may have no events, and is in no list then (PROTOCOL §12.9). */
export interface TopicHead {
  readonly isKnown: boolean;
  readonly isClosed: boolean;
  /** When its lease ends unless it is renewed, in milliseconds since 1970 by the hub's clock; undefined if it is not leased, as far as the reader may know. */
  readonly leasedUntil: number | undefined;
  /** Whether only the newest event of each key is kept. */
  readonly keepsLatest: boolean;
}

/** How long the hub has for its answer, in milliseconds. */
const ANSWER_MS = 5000;

/** Asks the hub what it knows of a topic. Undefined without an answer, or with one that does not say. Never throws. */
export async function fetchTopicHead(
  base: string,
  topic: string,
  headers: Record<string, string>,
): Promise<TopicHead | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(publishUrl(base, topic), { method: 'HEAD', headers, signal });
    const told = (name: string): string | null => response.headers.get(`tidings-${name}`);
    const state = told('state');
    if (state === null) return undefined;
    const leasedUntil = Date.parse(told('leased-until') ?? '');
    return {
      isKnown: state !== 'unknown',
      isClosed: state === 'closed',
      leasedUntil: Number.isNaN(leasedUntil) ? undefined : leasedUntil,
      keepsLatest: told('keep') === 'latest',
    };
  } catch {
    return undefined;
  }
}
