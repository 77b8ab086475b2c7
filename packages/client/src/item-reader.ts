import type { EventMessage } from '@tidings/wire';
import { InvalidEventError } from './client-error.ts';
import type { EventSchemas, InvalidEvent, TypedEvent } from './event-item.ts';
import { describeException } from './exception-text.ts';
import { type GapMessage, isGap } from './gap.ts';
import type { SchemaResult, StandardSchema } from './schema.ts';

export interface ItemReaderOptions {
  readonly schemas: EventSchemas | undefined;
  readonly json: boolean;
}

/** What a subscription gives, whatever its options are. */
export type AnyItem = EventMessage | GapMessage | TypedEvent<string, unknown> | InvalidEvent;

/** Reads the data of an event as the options say. What is wrong with it becomes an item of its own; it never throws. */
export function readItem(event: EventMessage, { schemas, json }: ItemReaderOptions): AnyItem | Promise<AnyItem> {
  if ((schemas === undefined && !json) || isGap(event)) return event;
  const { type, data, lastEventId } = event;
  // A gap that does not say what it has to: what was missed is not known, which has to be told all the same.
  if (type === 'tidings-gap') return invalid(event, new InvalidEventError('the gap event tells no gap', []));
  let value: unknown = data;
  if (json) {
    try {
      value = JSON.parse(data);
    } catch (cause) {
      const message = `the data of the event "${type}" is no JSON: ${describeException(cause)}`;
      return invalid(event, new InvalidEventError(message, [], { cause }));
    }
  }
  const schema = schemaFor(type, schemas);
  return schema === undefined ? { type, data: value, lastEventId } : validate(event, value, schema);
}

/** Whether events of this type are wanted. */
export function isWanted(type: string, schemas: EventSchemas | undefined): boolean {
  return schemas === undefined || type === 'tidings-gap' || schemaFor(type, schemas) !== undefined;
}

function schemaFor(type: string, schemas: EventSchemas | undefined): StandardSchema | undefined {
  return schemas !== undefined && Object.hasOwn(schemas, type) ? schemas[type] : undefined;
}

function validate(event: EventMessage, value: unknown, schema: StandardSchema): AnyItem | Promise<AnyItem> {
  try {
    const result = schema['~standard'].validate(value);
    if (!(result instanceof Promise)) return judge(event, result);
    return result.then(
      (settled) => judge(event, settled),
      (cause: unknown) => broken(event, cause),
    );
  } catch (cause) {
    return broken(event, cause);
  }
}

function judge(event: EventMessage, result: SchemaResult<unknown>): AnyItem {
  const { type, lastEventId } = event;
  if (result.issues === undefined) return { type, data: result.value, lastEventId };
  const said = result.issues.map(({ message }) => message).join('; ');
  return invalid(
    event,
    new InvalidEventError(`the event "${type}" is not what its schema allows: ${said}`, result.issues),
  );
}

function broken(event: EventMessage, cause: unknown): InvalidEvent {
  const message = `the schema of the event "${event.type}" threw: ${describeException(cause)}`;
  return invalid(event, new InvalidEventError(message, [], { cause }));
}

function invalid({ type, data, lastEventId }: EventMessage, error: InvalidEventError): InvalidEvent {
  return { type: 'tidings-invalid', eventType: type, data, lastEventId, error };
}
