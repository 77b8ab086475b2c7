import type { EventMessage } from '@tidings/wire';

/** Events that the listener would have got and that the server no longer holds (PROTOCOL §6). */
export interface Gap {
  /** The last event ID that the listener came with. */
  readonly after: string;
  /** The cursor behind which the stream goes on. */
  readonly resumedAt: string;
  /** Why they are missing: `trimmed`, `unknown`, `foreign`, `ahead`, or a reason that came later. */
  readonly reason: string;
}

export interface GapMessage extends EventMessage, Gap {
  type: 'tidings-gap';
}

/** Whether an event of a subscription tells of a gap. */
export function isGap(event: { readonly type: string }): event is GapMessage {
  return event.type === 'tidings-gap' && 'resumedAt' in event;
}

/** Adds what a `tidings-gap` event tells to it. Any other event, and one that tells nothing, stays as it is. */
export function readGap(event: EventMessage): EventMessage | GapMessage {
  const { type } = event;
  if (type !== 'tidings-gap') return event;
  try {
    const { after, resumedAt, reason } = JSON.parse(event.data) as Record<keyof Gap, unknown>;
    if (typeof after === 'string' && typeof resumedAt === 'string' && typeof reason === 'string') {
      return { ...event, type, after, resumedAt, reason };
    }
  } catch {
    // It tells nothing.
  }
  return event;
}
