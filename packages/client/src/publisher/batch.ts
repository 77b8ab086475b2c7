import { readIds } from './answer.ts';
import { newKey } from './key.ts';
import type { OutboxBatch } from './outbox.ts';
import type { Entry } from './queue.ts';
import type { HubRequest } from './sender.ts';

/** The most leases that a hub takes in one request (PROTOCOL §11). */
const MAX_LEASES = 1_000;

/** The events of one request, which is sent with the same key until it is answered. */
export interface Batch {
  readonly entries: readonly Entry[];
  readonly key: string;
  /** When the oldest attempt was made that may have stored it, in milliseconds since 1970; `undefined` where none has. */
  sentAt: number | undefined;
}

/**
 * A batch of the first of these events, that was not sent yet. It ends where a refusal of one event would be one of others, too: behind the event that closes a
 * topic comes no other of that topic, and the events of a topic have one lease, or none.
 */
export function createBatch(entries: readonly Entry[]): Batch {
  return { entries: entries.slice(0, compatible(entries)), key: newKey(), sentAt: undefined };
}

function compatible(entries: readonly Entry[]): number {
  if (!entries.some(({ lease, closes }) => closes || lease !== undefined)) return entries.length;
  const leases = new Map<string, string | undefined>();
  const closed = new Set<string>();
  const tokens = new Set<string>();
  for (const [at, { topic, lease, closes }] of entries.entries()) {
    if (closed.has(topic) || (leases.has(topic) && leases.get(topic) !== lease)) return at;
    if (lease !== undefined && tokens.add(lease).size > MAX_LEASES) return at;
    leases.set(topic, lease);
    if (closes) closed.add(topic);
  }
  return entries.length;
}

/** The events of a batch as the outbox has them. */
export function recordOf({ entries, key }: Batch, sentAt: number): OutboxBatch {
  return { key, first: entries[0]?.seq ?? 0, last: entries.at(-1)?.seq ?? 0, sentAt };
}

/** The request that publishes a batch. It is answered with the ids of the events (PROTOCOL §4.11). */
export function batchRequest({ entries, key }: Batch, url: string): HubRequest<readonly string[]> {
  return {
    method: 'POST',
    url,
    purpose: `publish to ${url}`,
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
    body: entries.map(({ line }) => `${line}\n`).join(''),
    read: (body) => readIds(body, entries.length),
    expected: `200 and JSON with ${entries.length} ids`,
  };
}
