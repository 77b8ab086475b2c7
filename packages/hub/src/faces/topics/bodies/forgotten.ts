import type { NewEvent } from '@tidings/server/log';
import { FORGOTTEN_TYPE } from '@tidings/wire';

/** An event that forgets its key says so if it has neither a type nor data (PROTOCOL §13.5). */
export function withForgotten(event: NewEvent): NewEvent {
  const { fields, forget, latestKey } = event;
  if (!forget || fields.event !== undefined || fields.data !== '') return event;
  return { ...event, fields: { ...fields, event: FORGOTTEN_TYPE, data: JSON.stringify({ key: latestKey }) } };
}
