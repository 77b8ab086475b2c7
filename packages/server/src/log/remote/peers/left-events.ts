import type { Clock } from '../../../clock.ts';
import { ServerError, type ServerErrorCode } from '../../../errors.ts';
import type { NewEvent } from '../../entry.ts';
import type { EventLog } from '../../event-log.ts';

/** What of the events that a process leaves is kept, in bytes. It guards the memory of the process of the log; what is more is not appended. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What is appended at once. */
const MAX_BATCH_EVENTS = 1000;
const MAX_BATCH_BYTES = 1024 * 1024;

// What could not be stored is stored after this long, in milliseconds.
const AGAIN_MS = 1000;

/** What the store may take later. */
const PASSING: ReadonlySet<ServerErrorCode> = new Set(['ERR_NOT_STORED', 'ERR_STORE_AWAY', 'ERR_TOO_MUCH_WAITS']);

interface Left {
  readonly events: readonly NewEvent[];
  readonly bytes: number;
}

/** The events that one process leaves, by their names: they are to be appended when it is gone. */
export class LeftEvents {
  readonly #left = new Map<string, Left>();
  #bytes = 0;

  /** @param events undefined takes back what was left under the name */
  put(name: string, events: readonly NewEvent[] | undefined): void {
    this.#bytes -= this.#left.get(name)?.bytes ?? 0;
    this.#left.delete(name);
    if (!events) return;
    const bytes = name.length + JSON.stringify(events).length;
    if (this.#bytes + bytes > MAX_BYTES) return;
    this.#bytes += bytes;
    this.#left.set(name, { events, bytes });
  }

  clear(): void {
    this.#left.clear();
    this.#bytes = 0;
  }

  /** Appends them all, and until then again. @param signal ends that */
  async append(log: EventLog, clock: Clock, signal: AbortSignal): Promise<void> {
    for (const batch of this.#batches()) {
      while (!signal.aborted && !(await isAppended(log, batch))) {
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  *#batches(): Iterable<readonly NewEvent[]> {
    let batch: NewEvent[] = [];
    let size = 0;
    for (const { events, bytes } of this.#left.values()) {
      if (batch.length > 0 && (batch.length + events.length > MAX_BATCH_EVENTS || size + bytes > MAX_BATCH_BYTES)) {
        yield batch;
        [batch, size] = [[], 0];
      }
      batch.push(...events);
      size += bytes;
    }
    if (batch.length > 0) yield batch;
  }
}

/** Whether there is nothing more to be done. */
async function isAppended(log: EventLog, events: readonly NewEvent[]): Promise<boolean> {
  try {
    await log.append(events);
    return true;
  } catch (error) {
    // Whatever else is wrong stays so.
    return !(error instanceof ServerError && PASSING.has(error.code));
  }
}
