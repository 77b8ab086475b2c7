import { readEvent } from '../../audience/event-reader.ts';
import type { LogEntry } from '../../log/entry.ts';
import type { EventLog } from '../../log/event-log.ts';
import { EARLIEST, formatCursor } from '../../log/position.ts';
import type { EntryGap } from '../../log/reading/entry-reader.ts';
import type { Selection } from '../../log/selection.ts';
import { BEGIN_TYPE, chunkOf, lastItemsOf } from '../store/chunk-form.ts';
import type { RunGap, RunItem } from '../store/run.ts';

export interface ItemsContext {
  readonly log: EventLog;
  readonly selection: Selection;
  /** The error with which the run has failed. */
  readonly error: () => Promise<string | undefined>;
}

/** Makes the items of one reading out of the entries of a log. */
export class RunItems {
  readonly #context: ItemsContext;
  /** Whether the next entry is the first of a reading from the start. */
  #isAtStart: boolean;

  constructor(context: ItemsContext, isFromStart: boolean) {
    this.#context = context;
    this.#isAtStart = isFromStart;
  }

  /** The items of the next entry. The last of them is the end of the run if the entry is final. */
  async of(entry: LogEntry | EntryGap): Promise<readonly RunItem[]> {
    if ('gap' in entry) return [{ type: 'gap', gap: entry.gap }];
    const event = readEvent(entry);
    const items: RunItem[] = [];
    if (this.#isAtStart && event.type !== BEGIN_TYPE) items.push(...(await this.#missingBefore(entry)));
    this.#isAtStart = false;
    if (entry.final === true) {
      for (const item of lastItemsOf(event)) items.push(item.type === 'end' ? await this.#withError(item) : item);
    } else if (event.type !== BEGIN_TYPE) {
      items.push(chunkOf(event));
    }
    return items;
  }

  /** What is missing from the start of the run. A producer of another kind has made no first event, and so nothing is missing. */
  async #missingBefore({ seq }: LogEntry): Promise<readonly RunGap[]> {
    const { log, selection } = this.#context;
    const { trimmedThrough, deletedThrough = 0 } = await log.read({ selection, after: 0, through: seq, maxBytes: 1 });
    if (trimmedThrough <= deletedThrough) return [];
    const { epoch = '' } = await log.locate(EARLIEST, selection);
    const cursorOf = (at: number): string => formatCursor({ epoch, seq: at });
    return [{ type: 'gap', gap: { after: cursorOf(0), resumedAt: cursorOf(seq - 1), reason: 'trimmed' } }];
  }

  async #withError(end: Extract<RunItem, { type: 'end' }>): Promise<RunItem> {
    const error = end.state === 'failed' ? await this.#context.error() : undefined;
    return error === undefined ? end : { ...end, error };
  }
}
