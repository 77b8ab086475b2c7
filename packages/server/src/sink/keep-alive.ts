import { SharedChunk } from './shared-chunk.ts';

/** A keep-alive without information. */
export const COMMENT: SharedChunk = SharedChunk.fromText(':\n\n');

/**
 * The default time of silence before a keep-alive, in milliseconds. Proxies give up
 * after 30 or 60 s of silence, Bun's server after 10 s.
 */
export const DEFAULT_KEEP_ALIVE_MS: number = 'Bun' in globalThis ? 8000 : 15_000;

/**
 * How listeners are told their positions, and that their streams are alive (PROTOCOL §5.5):
 * - `auto`: by an event `tidings-heartbeat` if the position has to be told, else by a comment;
 * - `event`: by that event at least every `keepAliveMs`, also between events; of a listener that still catches up only after so much silence;
 * - `comment`: never by an event: by a block of an id if the position has to be told, else by a comment.
 */
export type Heartbeat = (typeof HEARTBEATS)[number];

export const HEARTBEATS: readonly ['comment', 'event', 'auto'] = ['comment', 'event', 'auto'];
