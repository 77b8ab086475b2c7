import type { ToldGap } from '../../log/page-gap.ts';

/**
 * What has become of a run:
 * - `streaming`: its producer is at work, or its lease has not ended yet;
 * - `done`: its producer has made all of it;
 * - `failed`: its producer has failed;
 * - `stopped`: somebody has stopped it;
 * - `lost`: its producer has gone without a word, and its lease has ended;
 * - `unknown`: it never was, was deleted, or its time to live is over.
 */
export type RunState = 'streaming' | 'done' | 'failed' | 'stopped' | 'lost' | 'unknown';

/** What a producer appends: a text, bytes, or the fields of an event. */
export type NewChunk = string | Uint8Array | NewRunEvent;

/** A chunk with a type of its own. */
export interface NewRunEvent {
  /** The type: up to 1,024 bytes of UTF-8 without control characters. Types that begin with `run-` or `tidings-` are refused. @default 'message' */
  readonly event?: string | undefined;
  readonly data: string;
}

/** A chunk of a run as a reader gets it. */
export interface RunChunk {
  readonly type: 'chunk';
  /** The place of the chunk, to go on after. */
  readonly id: string;
  /** The type that the producer gave it: `message` if it gave none. */
  readonly event: string;
  /** Bytes if the producer appended bytes, else text, exactly as it was appended. */
  readonly data: string | Uint8Array;
}

/** How a run has ended. It is the last item of each reading that does not begin behind it. */
export interface RunEnd {
  readonly type: 'end';
  /** The place of the end; undefined if the run is unknown. */
  readonly id: string | undefined;
  readonly state: Exclude<RunState, 'streaming'>;
  /** With `failed`, what the producer failed with. */
  readonly error?: string | undefined;
}

/** Chunks that should have come here, and that the log no longer holds. */
export interface RunGap {
  readonly type: 'gap';
  readonly gap: ToldGap;
}

export type RunItem = RunChunk | RunEnd | RunGap;

/** What is known of a run. */
export interface RunStatus {
  readonly id: string;
  readonly state: RunState;
  /** The place of its newest event: that of its end, if it is over. Undefined if it has none. */
  readonly lastEventId?: string | undefined;
  /** With `failed`, what the producer failed with. */
  readonly error?: string | undefined;
  /** With `streaming`, when the lease of its producer ends unless it is renewed, milliseconds since 1970, where that may be known. */
  readonly leasedUntil?: number | undefined;
}
