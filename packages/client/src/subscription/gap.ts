import { type EventMessage, GAP_TYPE } from '@tidings/wire';

/** Events that the listener should have received and that the server no longer holds (PROTOCOL §6). */
export interface Gap {
  /** The last event ID that the request was made with. */
  readonly after: string;
  /** The cursor after which the stream goes on. */
  readonly resumedAt: string;
  /** Why the events are missing: `trimmed`, `unknown`, `foreign`, `deleted`, `ahead`, or a reason that was added later. */
  readonly reason: string;
  /** If kept events lie between those that are missing, so that they follow the gap: the cursor up to which events are missing. */
  readonly through?: string;
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
  if (event.type !== GAP_TYPE) return event;
  try {
    const { after, resumedAt, reason, through } = JSON.parse(event.data) as Record<keyof Gap, unknown>;
    if (typeof after === 'string' && typeof resumedAt === 'string' && typeof reason === 'string') {
      return { ...event, after, resumedAt, reason, ...(typeof through === 'string' && { through }) } as GapMessage;
    }
  } catch {
    // The data is not JSON.
  }
  return event;
}
