import type { EventMessage } from '@tidings/wire';
import type { AbortSignalLike } from '../globals.ts';
import { lasting } from '../errors.ts';

export { readBody } from './body.ts';
export { hideHandlers } from './handlers.ts';
export { nextTask } from './task.ts';

/** The event that listeners get: the platform's own or, where it has none (Vercel's edge), one with the same attributes. */
export function createMessageEvent({ type, data, lastEventId }: EventMessage, origin: string): MessageEvent<string> {
  const fields = { data, origin, lastEventId, source: null, ports: [] };
  return 'MessageEvent' in globalThis
    ? new MessageEvent(type, fields)
    : (Object.assign(new Event(type), fields) as unknown as MessageEvent<string>);
}

/** Lets any number of listeners be added to a target without a warning. Only Node warns. */
export function allowListeners(_target: EventTarget): void {}

/** Why a signal has aborted. The signals of old platforms and of React Native give no reason. */
export function reasonOf(signal: AbortSignalLike | undefined): unknown {
  return signal?.reason === undefined
    ? Object.assign(new Error('the signal has aborted'), { name: 'AbortError' })
    : signal.reason;
}

/** The platform's `EventTarget`. Where there is none (old React Native), the module loads all the same, and only its instances are missing. */
export const TargetClass: new () => EventTarget =
  (globalThis as { EventTarget?: new () => EventTarget }).EventTarget ??
  (function missing() {
    throw lasting('ERR_UNSUPPORTED', 'no EventTarget on this platform, which EventSource needs');
  } as unknown as new () => EventTarget);
