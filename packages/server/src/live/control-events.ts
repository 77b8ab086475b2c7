import { encodeEvent, EXPIRED_TYPE, GAP_TYPE, HEARTBEAT_TYPE } from '@tidings/wire';
import type { ToldGap } from '../log/page-gap.ts';
import { formatCursor, type Position } from '../log/position.ts';
import type { Heartbeat } from '../sink/keep-alive.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';

/** A keep-alive that moves the listener's cursor (PROTOCOL §5.5). */
export function heartbeat(position: Position, form: Heartbeat = 'auto'): SharedChunk {
  const id = formatCursor(position);
  // The empty data is what makes every browser take the id: Firefox takes none from a block without data.
  return SharedChunk.fromText(encodeEvent(form === 'comment' ? { id } : { event: HEARTBEAT_TYPE, id, data: '' }));
}

/** The event that tells a listener which events are missing, and where the stream goes on. */
export function gap(told: ToldGap): SharedChunk {
  return SharedChunk.fromText(encodeEvent({ event: GAP_TYPE, id: told.resumedAt, data: JSON.stringify(told) }));
}

/** The last event of a listener whose rights have expired. */
export const EXPIRED: SharedChunk = SharedChunk.fromText(
  encodeEvent({ event: EXPIRED_TYPE, data: '{"reason":"expired"}' }),
);

/** Ends a stream whose listener's rights have expired, and tells it so. One that does not read is broken off. */
export function endExpired(sink: Sink): void {
  if (sink.needsDrain) return sink.destroy();
  sink.write(EXPIRED);
  sink.end();
}

/** The block that tells a listener when to come back, in milliseconds. */
export function reconnectAfter(milliseconds: number): SharedChunk {
  return SharedChunk.fromText(encodeEvent({ retry: Math.round(milliseconds) }));
}
