import type { AppendReceipt, LogEntry } from '@tidings/server/log';

/** A batch of several that are stored together, as a part of their events: from an index, up to another. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** What the publisher of a batch is answered. */
export function receiptOf(entries: readonly LogEntry[]): AppendReceipt {
  const { seq = 0, id = '' } = entries.at(-1) ?? {};
  return { seq, id, ids: entries.map((entry) => entry.id), repeated: false };
}
