import type { EventMessage, GAP_TYPE } from '@tidings/wire';
import type { InvalidEventError, messageOf, SchemaIssue } from '../errors.ts';
import type { AnyItem, InvalidEvent, ItemOptions } from './event-item.ts';
import type { SchemaResult } from './schema.ts';

/** What data is read with. Code that the subscription has already is passed in, so that this module loads alone. */
export interface DataReaderParts extends ItemOptions {
  readonly InvalidEventError: typeof InvalidEventError;
  readonly messageOf: typeof messageOf;
}

const GAP: typeof GAP_TYPE = 'tidings-gap';

/**
 * Returns a function that reads the data of an event as the options say. Data that cannot be read becomes an `InvalidEvent`; the function
 * never throws.
 */
export function readerFor(parts: DataReaderParts): (event: EventMessage) => AnyItem | Promise<AnyItem> {
  const { schemas, json } = parts;
  return (event) => {
    const { type, data, lastEventId } = event;

    const invalid = (reason: string, more: { issues?: readonly SchemaIssue[]; cause?: unknown } = {}): InvalidEvent => {
      const message = `could not read event "${type}": ${reason}`;
      const error = new parts.InvalidEventError({ code: 'ERR_INVALID_EVENT', message, issues: [], ...more });
      return { type: 'tidings-invalid', eventType: type, data, lastEventId, error };
    };
    const failed = (cause: unknown): AnyItem => invalid(parts.messageOf(cause), { cause });
    const validated = (result: SchemaResult<unknown> | undefined): AnyItem => {
      const { issues, value } = Object(result) as { issues?: readonly SchemaIssue[]; value?: unknown };
      if (issues) return invalid(issues.map(({ message }) => message).join('; '), { issues });
      if (!('value' in Object(result))) return invalid('its schema gave no result');
      return { type, data: value, lastEventId };
    };

    // A gap whose data is not a gap: what was missed is unknown, which still has to be reported.
    if (type === GAP) return 'resumedAt' in event ? event : invalid('it is not a gap');
    try {
      // The name alone of an event can be all that it says.
      const value: unknown = json ? (data ? JSON.parse(data) : undefined) : data;
      const schema = schemas?.[type]?.['~standard'];
      const result = schema ? schema.validate(value) : { value };
      return result instanceof Promise ? result.then(validated).catch(failed) : validated(result);
    } catch (cause) {
      return failed(cause);
    }
  };
}
