import type { EventFields } from '@tidings/wire';
import type { HubLine } from './hub-topics.ts';

/** A line that publishes these fields. */
export function lineOf(topic: string, { event, data = '' }: EventFields): HubLine {
  return event === undefined || event === 'message' ? { topic, data } : { topic, data, type: event };
}
