import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';

export type Emitter = Writable | ServerResponse;

/** Callbacks for the events of a stream. */
export interface StreamOwner {
  onDrain(): void;
  /** Called once. */
  closed(): void;
}

/**
 * Passes on when a stream has drained or closed.
 * @param stream what has the backlog, and drains
 * @param closers what reports the close, each in cases of its own
 */
export function passOn(owner: StreamOwner, stream: Emitter, closers: readonly Emitter[]): void {
  let isClosed = false;
  const drained = (): void => owner.onDrain();
  const closed = (): void => {
    if (isClosed) return;
    isClosed = true;
    // The connection outlives the response.
    stream.off('drain', drained);
    for (const closer of closers) closer.off('close', closed);
    owner.closed();
  };
  stream.on('drain', drained);
  for (const closer of closers) closer.on('close', closed);
  // It may have gone before it was answered: then nothing reports that any more.
  if (stream.destroyed || closers.some((closer) => 'destroyed' in closer && closer.destroyed)) queueMicrotask(closed);
}
