import type { RefuseReason } from './channel-diagnostics.ts';
import type { Sink } from '../sink/sink.ts';

/** A channel's answer to a request: a head, and what follows it. */
export interface ChannelAnswer {
  /** 200, 204, 403, 405, 429, 500, 503, or what `authorize` refused with. */
  readonly status: number;
  /** All header fields but those of the transport, such as the length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body of an answer that is no stream; undefined for an empty one. */
  readonly body?: string;
  /**
   * Starts the stream, after the head was written. The listener has its place from the answer on, and for as long as the sink is open:
   * call it once, or {@link abandon}.
   */
  readonly start?: (sink: Sink) => void;
  /** Gives the listener's place back where the stream cannot be started. Does nothing once it was. */
  readonly abandon?: () => void;
}

/** How a refused request is answered, where `authorize` does not say it. */
export interface RefusalHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The methods that a channel answers. */
export const ALLOW: string = 'GET, HEAD, OPTIONS';

// Long enough that who is refused does not press, short enough that a place that is free again is soon taken.
const RETRY_AFTER = { 'Retry-After': '5' };
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };

export const REFUSALS: Readonly<Record<RefuseReason, RefusalHead>> = {
  method: {
    status: 405,
    headers: { ...TEXT, Allow: ALLOW },
    body: `Only these methods are allowed here: ${ALLOW}\n`,
  },
  forbidden: { status: 403, headers: TEXT, body: 'This request may not listen here\n' },
  full: {
    status: 503,
    headers: { ...TEXT, ...RETRY_AFTER },
    body: 'There are as many listeners as there may be here; come back later\n',
  },
  'full-for-key': {
    status: 429,
    headers: { ...TEXT, ...RETRY_AFTER },
    body: 'You have as many listeners as you may have here; come back when one of them has gone\n',
  },
  // 204 is how a server tells an EventSource to stop. [spec] 9.2.3
  complete: { status: 204, headers: {} },
};
