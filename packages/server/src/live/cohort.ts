import { CodedSink } from '../coding/coded-sink.ts';
import { CohortCoder } from '../coding/cohort-coder.ts';
import type { ContentCoding } from '../coding/content-coding.ts';
import type { LogEntry } from '../log/entry.ts';
import { type Selection, Selector } from '../log/selection.ts';
import type { Heartbeat } from '../sink/keep-alive.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import type { PresentList } from './present-list.ts';

/** The events that a listener gets, and their form. */
export interface View {
  /** Listeners with the same key get the same bytes: the same selection, filter, rights and form. */
  readonly key: string;
  readonly selection: Selection;
  /**
   * Returns whether a selected entry is sent. It must return the same for the same entry. If it throws, the listeners with this view
   * are broken off, and meet the same entry again when they come back. @default all entries
   */
  readonly accepts?: ((entry: LogEntry) => boolean) | undefined;
  /** Returns the bytes of an entry, if they are not its frame. It must be pure. @default the frame */
  readonly render?: ((entry: LogEntry) => Uint8Array) | undefined;
  /**
   * How a stream is kept alive: by an event that a page can see, sent whatever else is sent (`event`), or only when it is silent. A silent stream
   * whose cursor has to move gets an event, or a block that has an id and is no event (`comment`). @default 'auto'
   */
  readonly heartbeat?: Heartbeat | undefined;
  /** The content coding of the bytes. Listeners with the same key and another coding see the same events. @default plain bytes */
  readonly coding?: ContentCoding | undefined;
}

/** The part of a page of the log that a view includes. */
export interface PageSeen {
  readonly events: number;
  /** The sequence number of the last of them; 0 if there is none. */
  readonly last: number;
  readonly chunk: SharedChunk | undefined;
}

/** A live listener, as its cohort knows it. */
export interface Member {
  readonly sink: Sink;
  /** Its index among the members; -1 while it is not one of them. */
  index: number;
  /** The sequence number of the newest id that it was sent, or that it came with, before it became a member. */
  told: number;
  /** The cohort's `tellings` when it became a member. */
  tellings: number;
}

/**
 * Listeners with the same view. The live ones are its members: they are in lockstep, so what one tick holds is put together
 * once and the same bytes go to all of them.
 */
export class Cohort<M extends Member = Member> {
  readonly view: View;
  /** The live listeners, in no order. A tick runs through an array fastest. */
  readonly members: M[] = [];
  /** Codes what the members are sent, where their view has a coding. */
  readonly coder: CohortCoder | undefined;
  /** Listeners with this view, those that catch up included; at zero the cohort is dropped. */
  listeners = 0;
  /** Events that the members have been sent since the cohort was made. */
  sent = 0;
  /** Those of its listeners that others may be told of; undefined if there never was one. */
  present: PresentList | undefined;
  /** How often all members were sent an id. */
  #tellings = 0;
  /** The sequence number of the id that they were sent last. */
  #told = 0;
  /** When the members were last written to, or last sent a visible heartbeat, by the clock's `now`. */
  lastWrite: number;
  readonly #selector: Selector;
  #frames: Uint8Array[] = [];
  /** The newest selected entry that was offered, or the place from which entries are offered to the cohort. */
  #newest: number;
  /** The newest entry that was taken into a tick. */
  #taken = 0;

  /** @param since the sequence number after which every entry of its topics is offered to it */
  constructor(view: View, now: number, since: number) {
    this.view = view;
    this.#newest = since;
    this.#selector = Selector.of(view.selection);
    this.coder = view.coding && new CohortCoder(view.coding);
    this.lastWrite = now;
    this.present = undefined;
  }

  join(member: M): void {
    member.index = this.members.length;
    member.tellings = this.#tellings;
    this.members.push(member);
    if (this.coder && member.sink instanceof CodedSink) member.sink.join(this.coder);
  }

  /** The last member takes the place of the one that leaves. */
  leave(member: M): void {
    const { index } = member;
    const last = this.members.pop();
    if (last && last !== member) {
      this.members[index] = last;
      last.index = index;
    }
    member.told = this.toldTo(member);
    member.index = -1;
  }

  /** The sequence number of the newest id that a member knows. */
  toldTo({ told, tellings }: M): number {
    return tellings === this.#tellings ? told : this.#told;
  }

  /** A member was sent the id of this sequence number, alone. */
  tellOne(member: M, seq: number): void {
    member.told = seq;
    member.tellings = this.#tellings;
  }

  /** All members were sent the id of this sequence number, or of the newest event that was taken into a tick. */
  tell(seq: number = this.#taken): void {
    this.#told = seq;
    this.#tellings += 1;
  }

  /** The topic that its members listen to, if it is only one. */
  get topic(): string | undefined {
    return this.#selector.topics.only;
  }

  /** Whether its members, who listen to one topic alone, know that an entry has closed or deleted it. */
  knowsEnd(entry: LogEntry): boolean {
    return this.#selector.knowsEnd(entry);
  }

  /** An entry of one of its topics, which was not offered to it, says something that those who begin before it have to ask the log for. */
  note(seq: number): void {
    if (seq > this.#newest) this.#newest = seq;
  }

  /** Whether all entries that it selects are at or before this sequence number, as far as the log has been handed over. */
  isQuietSince(seq: number): boolean {
    return seq >= this.#newest;
  }

  /** The entries before this sequence number were not offered to it. */
  startBehind(seq: number): void {
    this.#newest = seq;
  }

  /** How many events the tick holds. */
  get pending(): number {
    return this.#frames.length;
  }

  /** Takes an entry of one of its topics into the tick, once. Returns whether it is the tick's first. Throws what the view's filter throws. */
  offer(entry: LogEntry): boolean {
    // Also without members, because a listener that joins before the tick ends has read only up to its beginning.
    if (entry.seq <= this.#newest || !this.#selector.sees(entry)) return false;
    this.#newest = entry.seq;
    if (this.view.accepts?.(entry) === false) return false;
    this.#frames.push(this.view.render ? this.view.render(entry) : entry.frame);
    this.#taken = entry.seq;
    return this.#frames.length === 1;
  }

  /** How many bytes the tick holds. */
  get pendingBytes(): number {
    return this.#frames.reduce((sum, { length }) => sum + length, 0);
  }

  /** Drops what the tick holds: the members read it by themselves. */
  drop(): void {
    this.#frames = [];
  }

  /** Everything that the tick holds, as one chunk. */
  take(): SharedChunk {
    const chunk = SharedChunk.fromFrames(this.#frames);
    this.#frames = [];
    return chunk;
  }

  /** The entries of a page as this view sees them. Throws what the view's filter throws. */
  page(entries: readonly LogEntry[]): PageSeen {
    const { accepts, render } = this.view;
    const seen = accepts ? entries.filter((entry) => accepts(entry)) : entries;
    const last = seen.at(-1)?.seq ?? 0;
    if (seen.length === 0) return { events: 0, last, chunk: undefined };
    const frames = seen.map((entry) => (render ? render(entry) : entry.frame));
    const whole = render ? undefined : wholeOf(frames);
    return { events: seen.length, last, chunk: whole ? new SharedChunk(whole) : SharedChunk.fromFrames(frames) };
  }
}

/** The frames as one piece, if they follow each other in the same memory, as a log may have read them. */
function wholeOf(frames: readonly Uint8Array[]): Uint8Array | undefined {
  const [first] = frames;
  if (!first) return undefined;
  let end = first.byteOffset;
  for (const { byteOffset, length } of frames) {
    if (byteOffset !== end) return undefined;
    end += length;
  }
  // Last, because a small array has no buffer of its own until the buffer is needed.
  const { buffer, byteOffset } = first;
  return frames.every((frame) => frame.buffer === buffer)
    ? new Uint8Array(buffer, byteOffset, end - byteOffset)
    : undefined;
}

/** How many listeners cohorts have together. */
export function countListeners(cohorts: readonly { readonly listeners: number }[]): number {
  return cohorts.reduce((sum, { listeners }) => sum + listeners, 0);
}
