import { createHash } from 'node:crypto';
import {
  concernsStates,
  KEY_LIFETIME_MS,
  noteEvent,
  placeEvent,
  refusalOf,
  repeatOf,
  ServerError,
  withEvent,
  type AppendReceipt,
  type LogEntry,
  type PreparedBatch,
  type PreparedEvent,
} from '@tidings/server/log';
import { costOfEvent, costOfKey, costOfTopic } from '../records.ts';
import type { Transaction } from './transaction.ts';

/** What stands for a key in the tables: no two keys share it. */
export function digestOfKey(key: string): Buffer {
  return createHash('sha256').update(Buffer.from(key, 'utf16le')).digest();
}

/** The topics of which a batch has to know. */
export function topicsNeeded({ events, conditions = [] }: PreparedBatch): string[] {
  return [...events.flatMap(({ topics }) => topics), ...conditions.map(({ topic }) => topic)];
}

/**
 * Appends a batch, whose topics and key have been loaded. It is written with the transaction.
 * @throws {ServerError} if the batch is refused: then nothing has been changed
 */
export function appendTo(tx: Transaction, batch: PreparedBatch): AppendReceipt {
  const digest = batch.key === undefined ? undefined : digestOfKey(batch.key);
  const known = digest && tx.keys.get(digest.toString('hex'));
  if (known && tx.now - known.at <= KEY_LIFETIME_MS) {
    const repeated = repeatOf(known, batch, tx.epochs);
    if (repeated instanceof ServerError) throw repeated;
    return repeated;
  }
  const isNoted = concernsStates(tx.draft, batch);
  if (isNoted) {
    const refusal = refusalOf(tx.draft, batch, tx.factsOf);
    if (refusal) throw refusal;
  }
  const entries = place(tx, batch.events, isNoted);
  const ids = entries.map(({ id }) => id);
  const receipt = { seq: tx.seq, id: ids.at(-1) ?? '', ids, repeated: false };
  if (digest) remember(tx, digest, { seq: receipt.seq, id: receipt.id, digest: batch.digest }, known?.cost);
  return receipt;
}

/** Gives events their places behind the newest, whatever the states of their topics say. */
export function place(tx: Transaction, events: readonly PreparedEvent[], isNoted: boolean): LogEntry[] {
  const time = tx.parts.clock.time();
  const entries = events.map((event) => {
    tx.seq += 1;
    const entry = placeEvent(event, tx.epoch, tx.seq, time);
    const cost = costOfEvent(entry, event.id);
    if (!entry.private) tx.state.publicSeq = entry.seq;
    tx.state.events += 1;
    tx.state.bytes += cost;
    for (const topic of entry.topics) {
      const before = tx.summaries.get(topic);
      if (!before) tx.state.bytes += costOfTopic(topic);
      tx.setSummary(topic, { ...withEvent(topic, before, entry, cost), oldest: before?.oldest ?? tx.now });
      tx.grown.add(topic);
    }
    if (isNoted) noteEvent(tx.draft, event, entry.seq, tx.now, tx.factsOf);
    tx.pending.push({ entry, event, cost });
    return entry;
  });
  tx.entries.push(...entries);
  return entries;
}

function remember(
  tx: Transaction,
  key: Buffer,
  append: { readonly seq: number; readonly id: string; readonly digest: string | undefined },
  before: number | undefined,
): void {
  const cost = costOfKey(JSON.stringify(append));
  const known = { ...append, at: tx.now, cost };
  tx.keys.set(key.toString('hex'), known);
  tx.newKeys.set(key.toString('hex'), { key, known });
  tx.state.keys += before === undefined ? 1 : 0;
  tx.state.keyBytes += cost - (before ?? 0);
  tx.state.bytes += cost - (before ?? 0);
}
