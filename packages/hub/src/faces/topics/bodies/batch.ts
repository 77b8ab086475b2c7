import { prepareBatch, ServerError, type NewEvent } from '@tidings/server/log';
import { turnAfter } from '@tidings/server/live';
import { JsonTextError } from '../../../http/json-text.ts';
import { Problem, problemOf } from '../../../http/problem.ts';

/** An event of a body, before it has been read. */
export interface BatchEvent {
  /** Reads it; undefined if there is none. @throws {JsonTextError} @throws {Problem} */
  readonly event: (() => NewEvent) | undefined;
  /** Where it is in the body, for error texts, such as `Line 3`. */
  readonly place: string;
  /** How many bytes of the body it takes. */
  readonly bytes: number;
}

export interface Batch {
  readonly events: readonly NewEvent[];
  /** Where each of them is in the body. */
  readonly places: readonly string[];
}

/**
 * Reads all events of a body, between other work.
 * @param check is called with each event, and throws if it may not be published
 * @throws {Problem} whose detail says which event is refused
 */
export async function readBatch(
  found: Iterable<BatchEvent>,
  maxEvents: number,
  check: (event: NewEvent) => void,
): Promise<Batch> {
  const events: NewEvent[] = [];
  const places: string[] = [];
  for (const { event, place, bytes } of found) {
    if (event && events.length === maxEvents) {
      throw new Problem('too-large', `The batch has more than the ${maxEvents} events that are allowed`);
    }
    if (event) {
      const read = at(place, () => {
        const made = event();
        check(made);
        return made;
      });
      events.push(read);
      places.push(place);
    }
    // Not only for events: a body may have very many empty lines.
    const turn = turnAfter(bytes);
    if (turn) await turn;
  }
  return { events, places };
}

/**
 * Why a log has refused a batch, with the place of the event that it refused, if that can be found out.
 * @param error what the log has thrown
 */
export async function placedRefusal({ events, places }: Batch, error: unknown): Promise<unknown> {
  if (!(error instanceof ServerError)) return error;
  const { code, index: refused } = error;
  if (refused !== undefined) return withPlace(places[refused], error);
  if (code !== 'ERR_INVALID_EVENT' && code !== 'ERR_EVENT_TOO_LARGE') return error;
  for (const [index, event] of events.entries()) {
    try {
      at(places[index] ?? '', () => void prepareBatch([event], {}));
    } catch (placed) {
      return placed;
    }
    await turnAfter(event.fields.data?.length ?? 0);
  }
  return error;
}

/** The same refusal, with the place of what is refused. */
function withPlace(place: string | undefined, error: unknown): unknown {
  if (place === undefined) return error;
  try {
    return at(place, () => {
      throw error;
    });
  } catch (told) {
    return told;
  }
}

/** Calls a function, and adds the place to what it throws. */
export function at<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const detail = error instanceof Error ? `${place}: ${error.message}` : place;
    if (error instanceof JsonTextError) throw new Problem('invalid-event', detail, { cause: error });
    const problem = problemOf(error);
    if (!problem) throw error;
    throw new Problem(problem.problem, detail, { cause: error, headers: problem.headers, extra: problem.extra });
  }
}
