import type { SharedChunk } from './shared-chunk.ts';

/** Where one listener's bytes go: a socket, or the body of a Response. */
export interface Sink {
  /** Bytes accepted and not yet taken by the transport. */
  readonly backlog: number;
  /** Whether to stop writing until {@link onDrain}. */
  readonly needsDrain: boolean;
  /** Takes the bytes without copying them. After the end it does nothing. Never throws. */
  write(chunk: SharedChunk): void;
  /** Ends the response: the listener sees a finished one. */
  end(): void;
  /** Breaks the response off: the listener sees that it is not finished. */
  destroy(): void;
  /** Called when the backlog has been taken, after {@link needsDrain} was true. */
  onDrain: () => void;
  /** Called once when the listener has gone or the response has ended. */
  onClose: () => void;
}
