import type { EventMessage } from '@tidings/wire';
import type { AbortSignalLike } from '../globals.ts';
import type { Body, BodyReader } from './body.ts';

// What `runtime.ts` does where nothing is missing. It is little code, because browsers download it.

export function createMessageEvent(message: EventMessage, origin: string): MessageEvent<string> {
  return new MessageEvent(message.type, { ...message, origin });
}

export function readBody(body: Body | null): BodyReader | undefined {
  return (body as ReadableStream<Uint8Array> | null)?.getReader?.();
}

export function allowListeners(_target: EventTarget): void {}

export function hideHandlers(_class: object, _names: readonly string[]): void {}

export function reasonOf(signal: AbortSignalLike | undefined): unknown {
  return signal?.reason;
}

export const TargetClass: new () => EventTarget = EventTarget;
