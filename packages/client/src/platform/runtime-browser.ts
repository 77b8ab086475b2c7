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

// It is kept from the start, because a test may put a fake one in its place.
const later = setTimeout;

interface SchedulerGlobals {
  readonly scheduler?: { postTask(run: () => void): Promise<void> };
}

/** Waits for a task of its own, so that the page gets its turns. A timer, which is late in the background, is the second choice. */
export function nextTask(): Promise<unknown> {
  return (globalThis as SchedulerGlobals).scheduler?.postTask(() => {}) ?? new Promise((resolve) => later(resolve));
}

export function allowListeners(_target: EventTarget): void {}

export function hideHandlers(_class: object, _names: readonly string[]): void {}

export function reasonOf(signal: AbortSignalLike | undefined): unknown {
  return signal?.reason;
}

export const TargetClass: new () => EventTarget = EventTarget;
