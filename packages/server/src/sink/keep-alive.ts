import { SharedChunk } from './shared-chunk.ts';

/** A keep-alive without information. */
export const COMMENT: SharedChunk = SharedChunk.fromText(':\n\n');

/**
 * The default time of silence before a keep-alive, in milliseconds. Proxies give up
 * after 30 or 60 s of silence, Bun's server after 10 s.
 */
export const DEFAULT_KEEP_ALIVE_MS: number = 'Bun' in globalThis ? 8000 : 15_000;
