import { publishUrl, withQuery } from './address.ts';
import { readRefusal } from './publish.ts';
import type { Refusal } from './publish.ts';
import { readObject } from './read-object.ts';

/** What can be done to a topic as a whole. */
export type TopicChange = 'close' | 'delete';

/** How long the hub has for its answer, in milliseconds: a topic may have very many events to delete. */
const ANSWER_MS = 120_000;

/** Closes a topic, or deletes it with its events (PROTOCOL §12). Returns why that failed; undefined if it did not. Never throws. */
export async function changeTopic(
  base: string,
  topic: string,
  change: TopicChange,
  headers: Record<string, string>,
): Promise<Refusal | undefined> {
  const url = publishUrl(base, topic);
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    const response =
      change === 'close'
        ? await fetch(withQuery(url, 'close'), { method: 'POST', headers, signal })
        : await fetch(url, { method: 'DELETE', headers, signal });
    const body = await response.text();
    if (!response.ok) return readRefusal(body, response.status);
    if (readObject(body)['existed'] !== false) return undefined;
    return { detail: 'Nothing to delete: the hub has no such topic.' };
  } catch {
    return { detail: 'The hub gave no answer' };
  }
}
