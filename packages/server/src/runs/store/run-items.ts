import { CLOSED_TYPE } from '@tidings/wire';
import { BEGIN_TYPE, chunkOf, END_TYPE, endOf, type StoredEvent } from './chunk-form.ts';
import type { RunEnd, RunGap, RunItem } from './run.ts';

/** What is asked while a run is read. */
export interface ItemsContext {
  /** What is missing from the start of the run, whose first kept event is this one. */
  readonly missingBefore: (first: StoredEvent) => Promise<RunGap | undefined>;
  /** The error with which the run has failed. */
  readonly error: () => Promise<string | undefined>;
}

/** The end of a run that is not there. */
export const GONE: RunEnd = { type: 'end', id: undefined, state: 'unknown' };

/** Makes the items of one reading out of the events of a run. */
export class RunItems {
  readonly #context: ItemsContext;
  /** Whether the next event is the first of a reading from the start. */
  #isAtStart: boolean;

  constructor(context: ItemsContext, isFromStart: boolean) {
    this.#context = context;
    this.#isAtStart = isFromStart;
  }

  /**
   * The items of the next event. The last of them is the end of the run if the event is final.
   * @param isFinal whether it is, where that is known. The ends that runs and logs make are known by their types
   */
  async of(event: StoredEvent, isFinal: boolean): Promise<readonly RunItem[]> {
    const { type } = event;
    const items: RunItem[] = [];
    // A producer of another kind makes no first event of its own.
    const missing = this.#isAtStart && type !== BEGIN_TYPE ? await this.#context.missingBefore(event) : undefined;
    this.#isAtStart = false;
    if (missing) items.push(missing);
    const isOwnEnd = type === END_TYPE || type === CLOSED_TYPE;
    if (type !== BEGIN_TYPE && !isOwnEnd) items.push(chunkOf(event));
    if (isFinal || isOwnEnd) items.push(await this.#end(event));
    return items;
  }

  async #end(event: StoredEvent): Promise<RunEnd> {
    const end = endOf(event);
    const error = end.state === 'failed' ? await this.#context.error() : undefined;
    return error === undefined ? end : { ...end, error };
  }
}
