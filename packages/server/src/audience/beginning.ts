import type { FanOut } from '../live/fan-out.ts';
import type { EventLog } from '../log/event-log.ts';
import type { View } from '../live/cohort.ts';
import type { Selection } from '../log/selection.ts';
import { findStart, type Start, startNow } from '../log/start.ts';
import type { AdmissionRequest } from './admission.ts';
import { type AdmittedListener, startSearch } from './admitted-listener.ts';
import type { Places } from './places.ts';

export interface BeginningParts {
  readonly log: EventLog;
  readonly fanOut: FanOut;
  readonly places: Places<AdmittedListener>;
}

/**
 * Finds where a listener begins. Its place, which was promised, is taken meanwhile. Returns undefined if it has left or was sent away by then: it has no place
 * then.
 */
export function findBeginning(
  parts: BeginningParts,
  admitted: AdmittedListener,
  view: View,
  admission: AdmissionRequest,
): Promise<Start | undefined> {
  const { lastEventId, last, since } = admission.parameters;
  const isNow = lastEventId === '' && last === undefined && since === undefined;
  if (isNow && parts.fanOut.isReady) return findNow(parts, admitted, view.selection);
  return findPlace(parts, admitted, view, admission);
}

async function findPlace(
  { log, fanOut, places }: BeginningParts,
  admitted: AdmittedListener,
  { selection, accepts }: View,
  { request, parameters }: AdmissionRequest,
): Promise<Start | undefined> {
  const { signal, end } = startSearch(places, admitted, request);
  try {
    await fanOut.ready(signal);
    const start = await findStart(log, selection, { ...parameters, accepts }, { signal });
    if (signal.aborted) return undefined;
    places.promiseAgain(admitted);
    return start;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    // This does not free the place if it is promised now.
    end();
  }
}

/** The same for one that names no place: there is nothing to search, and what could end a search would take memory for each of very many listeners. */
async function findNow(
  { log, places }: BeginningParts,
  admitted: AdmittedListener,
  selection: Selection,
): Promise<Start | undefined> {
  places.take(admitted);
  try {
    const start = await startNow(log, selection);
    if (!places.taken.has(admitted)) return undefined;
    places.promiseAgain(admitted);
    return start;
  } catch (error) {
    places.free(admitted);
    throw error;
  }
}
