import { CLOSED_TYPE, type EventFields } from '@tidings/wire';

/** The fields of the event that closes a topic if the publisher gives none (PROTOCOL §12.1). */
export const CLOSED: EventFields = { event: CLOSED_TYPE, data: '{"reason":"closed"}' };
