import type { EventMessage } from '@tidings/wire';
import type { InvalidEventError } from '../client-error.ts';
import type { GapMessage } from './gap.ts';
import type { SchemaOutput, StandardSchema } from './schema.ts';

/** A schema for each event type that is wanted. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>;

/** An event whose data was read. */
export interface TypedEvent<Type extends string, Data> {
  readonly type: Type;
  readonly data: Data;
  readonly lastEventId: string;
}

/** An event whose data was no JSON, or not what its schema allows. The stream goes on behind it. */
export interface InvalidEvent<Type extends string = string> {
  readonly type: 'tidings-invalid';
  /** The type that the event had. */
  readonly eventType: Type | 'tidings-gap';
  /** The data as it came. */
  readonly data: string;
  readonly lastEventId: string;
  readonly error: InvalidEventError;
}

/** What a subscription gives, by its options `schemas` and `json`. */
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

/** Whether an event of a subscription is one that could not be read. */
export function isInvalid(event: { readonly type: string }): event is InvalidEvent {
  return event.type === 'tidings-invalid' && 'error' in event;
}
