import type { NewEvent } from '../entry.ts';

/**
 * Events as plain data, for another process. A member that is inherited or computed, such as `private`, is read here: JSON would leave it out. What is no event, or has
 * other members, is left for the log to refuse.
 */
export function plainEvents(events: readonly NewEvent[]): readonly NewEvent[] {
  return Array.isArray(events) ? (events as readonly NewEvent[]).map(plainEvent) : events;
}

function plainEvent(event: NewEvent): NewEvent {
  if (typeof event !== 'object' || event === null) return event;
  const { topics, fields, private: isPrivate, latestKey, forget, final } = event;
  return { ...event, topics, fields: plainFields(fields), private: isPrivate, latestKey, forget, final };
}

function plainFields(fields: NewEvent['fields']): NewEvent['fields'] {
  if (typeof fields !== 'object' || fields === null) return fields;
  const { data, event, id, retry, comment } = fields;
  return { ...fields, data, event, id, retry, comment };
}
