import { CodedSink } from '../coding/coded-sink.ts';
import { CohortCoder } from '../coding/cohort-coder.ts';
import type { ContentCoding } from '../coding/content-coding.ts';
import type { LogEntry, Selection } from '../log/event-log.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';
import type { Listener } from './listener.ts';

/** What a listener wants to see, and how. */
export interface View {
  /** Listeners with the same key see the same bytes: same selection, same filter, same rights, same form. */
  readonly key: string;
  readonly selection: Selection;
  /**
   * Which of the selected entries are seen. Must give the same answer for the same entry. Where it throws, the listeners with this view
   * are broken off. @default all
   */
  readonly accepts?: (entry: LogEntry) => boolean;
  /** The bytes of an entry where its frame is not sent as it is kept. Must be pure. @default the frame */
  readonly render?: (entry: LogEntry) => Uint8Array;
  /**
   * Every keep-alive is an event that a page can listen to, and comes in its time whatever else does; else a stream is kept alive only
   * when it is silent, by a comment where its cursor need not move. @default false
   */
  readonly visibleHeartbeat?: boolean;
  /** What the bytes are coded with. Those with the same key and another coding see the same events. @default plain bytes */
  readonly coding?: ContentCoding | undefined;
}

/** What a view sees of a page of the log. */
export interface PageSeen {
  readonly events: number;
  readonly chunk: SharedChunk | undefined;
}

/**
 * Listeners with the same view. The live ones are its members: they are in lockstep, so what one tick holds is put together
 * once and the same bytes go to all of them.
 */
export class Cohort {
  readonly view: View;
  /** The live ones, in no order. An array is what a tick runs through fastest. */
  readonly members: Listener[] = [];
  /** Codes what the members are sent, where their view has a coding. */
  readonly coder: CohortCoder | undefined;
  /** All that have this view, those that catch up included; at zero the cohort is dropped. */
  listeners = 0;
  /** The sequence number of the newest id that the members have been sent. */
  told = 0;
  /** When the members were last written to, or last sent a visible heartbeat, milliseconds. */
  lastWrite: number;
  #frames: Uint8Array[] = [];
  /** The newest entry that was offered, … */
  #newest = 0;
  /** … and the newest that was taken. */
  #taken = 0;

  constructor(view: View, now: number) {
    this.view = view;
    this.coder = view.coding && new CohortCoder(view.coding);
    this.lastWrite = now;
  }

  join(listener: Listener): void {
    listener.index = this.members.length;
    this.members.push(listener);
    if (this.coder && listener.sink instanceof CodedSink) listener.sink.join(this.coder);
  }

  /** The last member takes the place of the one that leaves. */
  leave(listener: Listener): void {
    const { index } = listener;
    const last = this.members.pop();
    if (last && last !== listener) {
      this.members[index] = last;
      last.index = index;
    }
    listener.index = -1;
  }

  /** How many events the tick holds. */
  get pending(): number {
    return this.#frames.length;
  }

  /** Takes an entry of one of its topics into the tick, once. Says whether it is the tick's first. Throws what the view's filter throws. */
  offer(entry: LogEntry): boolean {
    // Also without members: who joins before the tick ends has read only up to where it began.
    if (entry.seq <= this.#newest) return false;
    if (entry.private && !this.view.selection.private) return false;
    this.#newest = entry.seq;
    if (this.view.accepts?.(entry) === false) return false;
    this.#frames.push(this.view.render ? this.view.render(entry) : entry.frame);
    this.#taken = entry.seq;
    return this.#frames.length === 1;
  }

  /** Everything that the tick holds, as one chunk. */
  take(): SharedChunk {
    const chunk = SharedChunk.fromFrames(this.#frames);
    this.#frames = [];
    this.told = this.#taken;
    return chunk;
  }

  /** The entries of a page as this view sees them. Throws what the view's filter throws. */
  page(entries: readonly LogEntry[]): PageSeen {
    const { accepts, render } = this.view;
    const seen = accepts ? entries.filter((entry) => accepts(entry)) : entries;
    if (seen.length === 0) return { events: 0, chunk: undefined };
    const frames = seen.map((entry) => (render ? render(entry) : entry.frame));
    return { events: seen.length, chunk: SharedChunk.fromFrames(frames) };
  }
}
