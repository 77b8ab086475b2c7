import { type EventMessage, GAP_TYPE } from '@tidings/wire';

/** Events that the listener should have received and that the server no longer holds (PROTOCOL §6). */
export interface Gap {
  /** The last event ID that the request was made with. */
  readonly after: string;
  /** The cursor after which the stream goes on. */
  readonly resumedAt: string;
  /** Why the events are missing: `trimmed`, `unknown`, `foreign`, `ahead`, or a reason that was added later. */
  readonly reason: string;
}

export interface GapMessage extends EventMessage, Gap {
  type: typeof GAP_TYPE;
}

/** Whether an event of a subscription reports a gap: events that the server no longer holds. */
export function isGap(event: { readonly type: string }): event is GapMessage {
  return event.type === GAP_TYPE && 'resumedAt' in event;
}

/** Reads the data of a `tidings-gap` event. Any other event, and one whose data is not a gap, stays as it is. */
export function readGap(event: EventMessage): EventMessage | GapMessage {
  const { type } = event;
  if (type !== GAP_TYPE) return event;
  try {
    const { after, resumedAt, reason } = JSON.parse(event.data) as Record<keyof Gap, unknown>;
    if (typeof after === 'string' && typeof resumedAt === 'string' && typeof reason === 'string') {
      return { ...event, type, after, resumedAt, reason };
    }
  } catch {
    // The data is not JSON.
  }
  return event;
}
