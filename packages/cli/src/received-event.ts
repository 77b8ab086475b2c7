import type { EventMessage } from '@tidings/client';

/** An event as a listener got it. */
export interface ReceivedEvent {
  /** Empty where the sender is not a hub and tells no topic. */
  readonly topic: string;
  /** ISO 8601, or empty where it is not told. */
  readonly time: string;
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** Takes an event out of its envelope (PROTOCOL §5.6). One without an envelope keeps its data as it is. */
export function openEnvelope({ type, data, lastEventId }: EventMessage): ReceivedEvent {
  const bare = { topic: '', time: '', id: lastEventId, type, data };
  if (!data.startsWith('{')) return bare;
  try {
    const envelope = JSON.parse(data) as Record<string, unknown>;
    const { topic, time, data: inner } = envelope;
    if (typeof topic !== 'string' || typeof time !== 'string' || typeof inner !== 'string') return bare;
    return { topic, time, id: lastEventId, type, data: inner };
  } catch {
    return bare;
  }
}
