import { exceeds, KEY_LIFETIME_MS, type LogRetention, type Retention, type TrimLedger } from '@tidings/server/log';
import { commit } from './batch.ts';
import { oldest } from './reader.ts';
import type { HeadRecord, LmdbStore, TopicRecord } from './store.ts';
import type { KeptEntry } from './record.ts';

// Events that one transaction removes: small, so that a publisher never waits long for its commit.
const MAX_REMOVED = 1000;

/** One small step of trimming, ready to be committed. */
export interface TrimStep {
  readonly head: HeadRecord;
  commit(): Promise<void>;
  /** Notes in the ledger what has been removed, once it is committed. */
  note(): void;
}

/** The next step of trimming, or undefined where retention keeps everything there is. */
export function trimOnce(
  store: LmdbStore,
  ledger: TrimLedger,
  retention: LogRetention,
  head: HeadRecord,
  now: number,
): TrimStep | undefined {
  const doomed = exceeding(oldest(store), retention, head, now);
  if (doomed.length === 0) doomed.push(...exceedingTopic(store, retention, now));
  if (doomed.length === 0) return undefined;

  const bytes = doomed.reduce((sum, entry) => sum + entry.frame.length, 0);
  const next: HeadRecord = { seq: head.seq, events: head.events - doomed.length, bytes: head.bytes - bytes };
  const plan = ledger.plan(doomed);
  return {
    head: next,
    async commit() {
      await commit(store, (track) => {
        for (const entry of doomed) {
          track(store.events.remove(entry.seq));
          for (const topic of entry.topics) track(store.byTopic.remove([topic, entry.seq]));
          if (entry.named) track(store.byId.remove([entry.id, entry.seq]));
        }
        for (const [topic, record] of topicsWithout(store, doomed)) {
          track(record.events === 0 ? store.topics.remove(topic) : store.topics.put(topic, record));
        }
        for (const [topic, trimmed] of plan.topics) track(store.trimmed.put(topic, trimmed));
        for (const topic of plan.forgotten) track(store.trimmed.remove(topic));
        if (plan.forgotten.length > 0) track(store.meta.put('floor', plan.floor));
        track(store.meta.put('head', next));
      });
    },
    note() {
      ledger.apply(plan);
    },
  };
}

/** Forgets a small number of keys of appends that are too old to be repeated. Says whether there were any. */
export async function expireKeys(store: LmdbStore, now: number): Promise<boolean> {
  const end: [number, string] = [now - KEY_LIFETIME_MS, ''];
  const expired = [...store.keysByTime.getKeys({ start: [0, ''], end, limit: MAX_REMOVED })];
  if (expired.length === 0) return false;
  await commit(store, (track) => {
    for (const [time, key] of expired) {
      track(store.keysByTime.remove([time, key]));
      // The key may have been used again since.
      if (store.keys.get(key)?.time === time) track(store.keys.remove(key));
    }
  });
  return true;
}

/** The events, oldest first, that have to go until the bounds hold. */
function exceeding(
  events: Iterable<KeptEntry>,
  bounds: Retention,
  kept: { events: number; bytes: number },
  now: number,
): KeptEntry[] {
  const doomed: KeptEntry[] = [];
  const rest = { events: kept.events, bytes: kept.bytes };
  for (const entry of events) {
    if (doomed.length === MAX_REMOVED || !exceeds({ ...rest, oldest: entry.time }, bounds, now)) break;
    doomed.push(entry);
    rest.events -= 1;
    rest.bytes -= entry.frame.length;
  }
  return doomed;
}

function exceedingTopic(store: LmdbStore, retention: LogRetention, now: number): KeptEntry[] {
  if (!retention.perTopic) return [];
  for (const { key: topic, value: record } of store.topics.getRange()) {
    const bounds = retention.perTopic.find((rule) => rule.matches(topic));
    const doomed = bounds ? exceeding(oldest(store, topic), bounds, record, now) : [];
    if (doomed.length > 0) return doomed;
  }
  return [];
}

function topicsWithout(store: LmdbStore, doomed: readonly KeptEntry[]): Map<string, TopicRecord> {
  const changed = new Map<string, TopicRecord>();
  for (const entry of doomed) {
    for (const topic of entry.topics) {
      const before = changed.get(topic) ?? store.topics.get(topic);
      if (!before) continue;
      changed.set(topic, { ...before, events: before.events - 1, bytes: before.bytes - entry.frame.length });
    }
  }
  return changed;
}
