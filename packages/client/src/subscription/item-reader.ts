import type { EventMessage } from '@tidings/wire';
import { InvalidEventError } from '../client-error.ts';
import type { EventSchemas, InvalidEvent, TypedEvent } from './event-item.ts';
import { describeException } from '../platform/exception-text.ts';
import { type GapMessage, isGap } from './gap.ts';
import type { SchemaIssue, SchemaResult } from './schema.ts';

export interface ItemReaderOptions {
  readonly schemas?: EventSchemas | undefined;
  readonly json: boolean;
}

/** What a subscription gives, whatever its options are. */
export type AnyItem = EventMessage | GapMessage | TypedEvent<string, unknown> | InvalidEvent;

/** Reads the data of an event as the options say. What is wrong with it becomes an item of its own; it never throws. */
export function readItem(event: EventMessage, { schemas, json }: ItemReaderOptions): AnyItem | Promise<AnyItem> {
  if ((!schemas && !json) || isGap(event)) return event;
  const { type, data, lastEventId } = event;

  function refuse(what: string, issues: readonly SchemaIssue[] = [], cause?: unknown): InvalidEvent {
    const message = `event "${type}": ${what}`;
    const error = new InvalidEventError({ code: 'ERR_INVALID_EVENT', message, issues, ...(cause ? { cause } : {}) });
    return { type: 'tidings-invalid', eventType: type, data, lastEventId, error };
  }
  const refuseFor = (cause: unknown): AnyItem => refuse(describeException(cause), [], cause);
  const judge = (result: SchemaResult<unknown>): AnyItem =>
    result.issues
      ? refuse(result.issues.map(({ message }) => message).join('; '), result.issues)
      : { type, data: result.value, lastEventId };

  // A gap that does not say what it has to: what was missed is not known, which has to be told all the same.
  if (type === 'tidings-gap') return refuse('it tells no gap');
  try {
    const value: unknown = json ? JSON.parse(data) : data;
    const result = schemas?.[type]?.['~standard'].validate(value) ?? { value };
    return result instanceof Promise ? result.then(judge, refuseFor) : judge(result);
  } catch (cause) {
    return refuseFor(cause);
  }
}

/** Whether events of this type are wanted. */
export function isWanted(type: string, schemas: EventSchemas | undefined): boolean {
  return !schemas || type === 'tidings-gap' || Object.hasOwn(schemas, type);
}
