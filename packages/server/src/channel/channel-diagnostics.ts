import type { RefuseReason } from '../audience/admission.ts';
import type { RequestHead } from '../http/request.ts';
import type { EndReason } from '../live/listener.ts';
import type { ToldGap } from '../log/page-gap.ts';

/**
 * The messages that channels publish on `node:diagnostics_channel`, by the part of the name after `tidings:channel:`.
 * @typeParam Source the class of `channel`, which is `Channel`
 */
export interface ChannelDiagnostics<Source extends object = object> {
  /** A listener's stream has started. */
  readonly listen: { readonly channel: Source; readonly lastEventId: string; readonly listeners: number };
  /** A listener's stream has ended. */
  readonly leave: {
    readonly channel: Source;
    readonly reason: EndReason;
    readonly durationMs: number;
    readonly listeners: number;
  };
  /** A request was refused. */
  readonly refuse: {
    readonly channel: Source;
    readonly request: RequestHead;
    readonly status: number;
    readonly reason: RefuseReason;
  };
  /** An event was stored. */
  readonly publish: { readonly channel: Source; readonly id: string };
  /** The backlog of a listener has exceeded its limit, and the listener will be caught up from the history. */
  readonly overflow: { readonly channel: Source; readonly backlog: number };
  /** A listener's backlog passed the cap, and it was broken off. */
  readonly evict: { readonly channel: Source; readonly backlog: number };
  /** A listener was told that events are missing. */
  readonly gap: { readonly channel: Source } & ToldGap;
  /** All listeners have been sent away. */
  readonly drain: { readonly channel: Source; readonly listeners: number; readonly windowMs: number };
  /** A hook threw, or the log could not be read. */
  readonly error: { readonly channel: Source; readonly error: unknown };
}

type Name = keyof ChannelDiagnostics;

/** The part of a diagnostics channel that is used here. */
interface Outlet {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

const SILENT: Outlet = { hasSubscribers: false, publish: () => {} };

// Not imported, because this part of the package also runs without that module.
const builtin = globalThis.process?.getBuiltinModule?.('node:diagnostics_channel');

const open = (name: Name): Outlet => builtin?.channel(`tidings:channel:${name}`) ?? SILENT;

const OUTLETS: Readonly<Record<Name, Outlet>> = {
  listen: open('listen'),
  leave: open('leave'),
  refuse: open('refuse'),
  publish: open('publish'),
  overflow: open('overflow'),
  evict: open('evict'),
  gap: open('gap'),
  drain: open('drain'),
  error: open('error'),
};

/** Publishes a message if somebody has subscribed to its name. Otherwise the message is not even made. */
export function report<N extends Name>(name: N, message: () => ChannelDiagnostics[N]): void {
  if (OUTLETS[name].hasSubscribers) OUTLETS[name].publish(message());
}
