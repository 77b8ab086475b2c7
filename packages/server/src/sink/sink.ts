import type { SharedChunk } from './shared-chunk.ts';

/** The destination of one listener's bytes: a socket, or the body of a Response. */
export interface Sink {
  /** Bytes accepted and not yet taken by the transport. */
  readonly backlog: number;
  /** Whether to stop writing until {@link onDrain}. */
  readonly needsDrain: boolean;
  /** Takes the bytes without copying them. After the end it does nothing. Never throws. */
  write(chunk: SharedChunk): void;
  /** Ends the response, which looks finished to the listener. */
  end(): void;
  /** Breaks the response off, so that it does not look finished. */
  destroy(): void;
  /** Called when the backlog has been taken, after {@link needsDrain} was true. */
  onDrain: () => void;
  /** Called once when the listener has gone or the response has ended. */
  onClose: () => void;
}
