import type { EventFields } from '@tidings/wire';
import { codeOf } from './run-over.ts';

const STOP_TYPE = 'run-stop';

/** For how long requests to stop are known after the last one, in milliseconds. */
export const STOPS_TTL_MS: number = 60 * 60 * 1000;

/** Waits for the topic of the requests, which only bounds how long they are kept: a log that has no room for one more topic takes them, too. */
export async function topicOfStops(created: Promise<unknown>): Promise<void> {
  try {
    await created;
  } catch (error) {
    if (codeOf(error) !== 'ERR_TOO_MANY_TOPICS') throw error;
  }
}

/** The event that asks the producer of a run to stop. */
export function stopRequest(id: string): EventFields {
  return { event: STOP_TYPE, data: JSON.stringify(id) };
}

/** The id of the run that such an event names; undefined if it is another event. */
export function runToStop({ type, data }: { readonly type: string; readonly data: string }): string | undefined {
  if (type !== STOP_TYPE) return undefined;
  try {
    const id: unknown = JSON.parse(data);
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
