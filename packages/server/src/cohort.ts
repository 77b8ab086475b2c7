import type { LogEntry, Selection } from './log.ts';
import { SharedChunk } from './shared-chunk.ts';
import type { Subscriber } from './subscriber.ts';

/** What a listener wants to see, and how. */
export interface View {
  /** Listeners with the same key see the same bytes: same selection, same rights, same form. */
  readonly key: string;
  readonly selection: Selection;
  /** The bytes of an entry where its frame is not sent as it is kept. Must be pure. @default the frame */
  readonly render?: (entry: LogEntry) => Uint8Array;
}

/**
 * Subscribers with the same view. The live ones are its members: they are in lockstep, so what one tick holds is put together
 * once and the same bytes go to all of them.
 */
export class Cohort {
  readonly view: View;
  /** The live ones. */
  readonly members: Set<Subscriber> = new Set();
  /** All that have this view, those that catch up included; at zero the cohort is dropped. */
  subscribers = 0;
  /** The sequence number of the newest id that the members have been sent. */
  told = 0;
  /** When the members were last written to, milliseconds. */
  lastWrite: number;
  #frames: Uint8Array[] = [];
  #newest = 0;

  constructor(view: View, now: number) {
    this.view = view;
    this.lastWrite = now;
  }

  /** Takes an entry of one of its topics into the tick, once. Says whether it is the tick's first. */
  offer(entry: LogEntry): boolean {
    // Also without members: who joins before the tick ends has read only up to where it began.
    if (entry.seq <= this.#newest) return false;
    if (entry.private && !this.view.selection.private) return false;
    this.#newest = entry.seq;
    this.#frames.push(this.view.render ? this.view.render(entry) : entry.frame);
    return this.#frames.length === 1;
  }

  /** Everything that the tick holds, as one chunk. */
  take(): SharedChunk {
    const chunk = SharedChunk.fromFrames(this.#frames);
    this.#frames = [];
    this.told = this.#newest;
    return chunk;
  }
}
