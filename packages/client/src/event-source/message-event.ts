import type { EventMessage } from '@tidings/wire';

/** The event that listeners get: the platform's own. */
export function createMessageEvent(message: EventMessage, origin: string): MessageEvent<string> {
  return new MessageEvent(message.type, { ...message, origin });
}
