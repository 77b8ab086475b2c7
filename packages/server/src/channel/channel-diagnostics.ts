import type { Channel } from './channel.ts';
import type { GapReason } from '../log/start.ts';
import type { EndReason } from '../live/listener.ts';
import type { RequestHead } from '../http/request.ts';

/** What a channel tells on `node:diagnostics_channel`, by the part of the name behind `tidings:channel:`. */
export interface ChannelDiagnostics {
  /** A listener's stream has started. */
  readonly subscribe: { readonly channel: Channel; readonly lastEventId: string; readonly listeners: number };
  /** It has ended. */
  readonly unsubscribe: {
    readonly channel: Channel;
    readonly reason: EndReason;
    readonly durationMs: number;
    readonly listeners: number;
  };
  /** A request was not let in. */
  readonly refuse: {
    readonly channel: Channel;
    readonly request: RequestHead;
    readonly status: number;
    readonly reason: RefuseReason;
  };
  /** An event was stored. */
  readonly publish: { readonly channel: Channel; readonly id: string };
  /** A listener's backlog passed the cap, and it is caught up from what is kept. */
  readonly overflow: { readonly channel: Channel; readonly backlog: number };
  /** A listener's backlog passed the cap, and it was broken off. */
  readonly evict: { readonly channel: Channel; readonly backlog: number };
  /** A listener was told that events are missing. */
  readonly gap: {
    readonly channel: Channel;
    readonly after: string;
    readonly resumedAt: string;
    readonly reason: GapReason;
  };
  /** All listeners were sent away. */
  readonly drain: { readonly channel: Channel; readonly listeners: number; readonly windowMs: number };
  /** A hook threw, or the log could not be read. */
  readonly error: { readonly channel: Channel; readonly error: unknown };
}

/**
 * Why a request was not let in:
 * - `method`: it is none that a channel answers;
 * - `forbidden`: `authorize` refused it;
 * - `full`, `full-for-key`: there are as many listeners as there may be, in all or for its key;
 * - `complete`: the channel has been closed, and it has everything.
 */
export type RefuseReason = 'method' | 'forbidden' | 'full' | 'full-for-key' | 'complete';

type Name = keyof ChannelDiagnostics;

interface Topic {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

const SILENT: Topic = { hasSubscribers: false, publish: () => {} };

// Not imported: this part of the package also runs where there is no such module.
const builtin = globalThis.process?.getBuiltinModule?.('node:diagnostics_channel');

const open = (name: Name): Topic => builtin?.channel(`tidings:channel:${name}`) ?? SILENT;

const TOPICS: Readonly<Record<Name, Topic>> = {
  subscribe: open('subscribe'),
  unsubscribe: open('unsubscribe'),
  refuse: open('refuse'),
  publish: open('publish'),
  overflow: open('overflow'),
  evict: open('evict'),
  gap: open('gap'),
  drain: open('drain'),
  error: open('error'),
};

/** Tells who subscribes to the name; where nobody does, the message is not even made. */
export function tell<N extends Name>(name: N, message: () => ChannelDiagnostics[N]): void {
  if (TOPICS[name].hasSubscribers) TOPICS[name].publish(message());
}
