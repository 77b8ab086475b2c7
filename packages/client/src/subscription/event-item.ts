import { type EventMessage, GAP_TYPE } from '@tidings/wire';
import type { InvalidEventError } from '../errors.ts';
import type { GapMessage } from './gap.ts';
import type { SchemaOutput, StandardSchema } from './schema.ts';

/** A schema for each event type that is wanted. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>;

/** An event whose data was parsed and, where there is a schema for its type, accepted by it. */
export interface TypedEvent<Type extends string, Data> {
  readonly type: Type;
  readonly data: Data;
  readonly lastEventId: string;
}

/** An event whose data was not JSON, or was refused by its schema. The stream goes on after it. */
export interface InvalidEvent<Type extends string = string> {
  readonly type: 'tidings-invalid';
  /** The type that the event had. */
  readonly eventType: Type | typeof GAP_TYPE;
  /** The data as it was received. */
  readonly data: string;
  readonly lastEventId: string;
  readonly error: InvalidEventError;
}

/** What the loop over a subscription gets. It depends on the options `schemas` and `json`. */
export type EventItem<
  Schemas extends EventSchemas | undefined = undefined,
  Json extends boolean = false,
> = Schemas extends EventSchemas
  ?
      | { [Type in keyof Schemas & string]: TypedEvent<Type, SchemaOutput<Schemas[Type]>> }[keyof Schemas & string]
      | InvalidEvent<keyof Schemas & string>
      | GapMessage
  : Json extends true
    ? TypedEvent<string, unknown> | InvalidEvent | GapMessage
    : EventMessage | GapMessage;

/** What the loop over a subscription gets, whatever the options are. */
export type AnyItem = EventMessage | GapMessage | TypedEvent<string, unknown> | InvalidEvent;

export interface ItemOptions {
  readonly schemas?: EventSchemas | undefined;
  readonly json: boolean;
}

/** Whether an event of a subscription has data that could not be read. */
export function isInvalid(event: { readonly type: string }): event is InvalidEvent {
  return event.type === 'tidings-invalid' && 'error' in event;
}

/**
 * Whether an event is wanted: all are where there are no schemas, and gaps always are. Where data is JSON, a message without data is
 * not: it says nothing but its ID.
 */
export function isWanted({ type, data }: EventMessage, { schemas, json }: ItemOptions): boolean {
  return (!schemas || type === GAP_TYPE || Object.hasOwn(schemas, type)) && !(json && !data && type === 'message');
}
