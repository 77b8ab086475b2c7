import { encodeEvent, GAP_TYPE, HEARTBEAT_TYPE } from '@tidings/wire';
import type { GapReason } from '../log/event-log.ts';
import { formatCursor, type Position } from '../log/position.ts';
import type { Heartbeat } from '../sink/keep-alive.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';

/** A keep-alive that moves the listener's cursor (PROTOCOL §5.5). */
export function heartbeat(position: Position, form: Heartbeat = 'auto'): SharedChunk {
  const id = formatCursor(position);
  // The empty data is what makes every browser take the id: Firefox takes none from a block without data.
  return SharedChunk.fromText(encodeEvent(form === 'comment' ? { id } : { event: HEARTBEAT_TYPE, id, data: '' }));
}

/** What a listener is told of a gap (PROTOCOL §6.1). */
export interface ToldGap {
  readonly after: string;
  readonly resumedAt: string;
  readonly reason: GapReason;
  /** The cursor up to which events are missing, if that is past `resumedAt`. */
  readonly through?: string | undefined;
}

/** The event that tells a listener which events are missing, and where the stream goes on. */
export function gap(told: ToldGap): SharedChunk {
  return SharedChunk.fromText(encodeEvent({ event: GAP_TYPE, id: told.resumedAt, data: JSON.stringify(told) }));
}

/** The block that tells a listener when to come back, in milliseconds. */
export function reconnectAfter(milliseconds: number): SharedChunk {
  return SharedChunk.fromText(encodeEvent({ retry: Math.round(milliseconds) }));
}
