import type { FanOut } from '../live/fan-out.ts';
import type { EventLog } from '../log/event-log.ts';
import { isCursor } from '../log/position.ts';
import { type Selection, Selector } from '../log/selection.ts';
import { canEnd, findStart, isComplete } from '../log/start.ts';
import type { AdmissionRequest } from './admission.ts';

/**
 * Whether a listener for whom there is no place would get nothing, now or later, so that it need not come back (PROTOCOL §12.3). Only that is looked up which
 * costs next to nothing, because without a place nothing bounds how many look: no search for the event that has a publisher's id.
 */
export async function hasEnded(
  log: EventLog,
  fanOut: FanOut,
  selection: Selection,
  { request, parameters, isOver }: AdmissionRequest,
): Promise<boolean> {
  const { lastEventId, last, since } = parameters;
  if (lastEventId === '' && (last !== undefined || since !== undefined)) return false;
  // A log that cannot be reached yet is not waited for.
  if (!canEnd(log, selection) || !fanOut.isReady) return false;
  const gone = new AbortController();
  const stop = request.onGone?.(() => gone.abort());
  try {
    if (lastEventId !== '' && !isCursor(lastEventId)) return await isFinal(log, selection, lastEventId);
    const start = await findStart(log, selection, { lastEventId }, { signal: gone.signal });
    return isComplete(start) || isOver?.(start) === true;
  } catch (error) {
    if (gone.signal.aborted) return false;
    throw error;
  } finally {
    stop?.();
  }
}

/** Whether the only topic of a selection is closed, and its final event has this id. */
async function isFinal(log: EventLog, selection: Selection, id: string): Promise<boolean> {
  const { topics, private: seen } = Selector.of(selection);
  const { only = '' } = topics;
  const status = await log.topics?.status(only, { publicOnly: !seen.has(only) });
  return status?.newest?.id === id && status.newest.seq === status.finalSeq;
}
