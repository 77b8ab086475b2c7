import type { SchemaIssue } from '../errors.ts';

/**
 * A validator by the Standard Schema specification (https://standardschema.dev), version 1. The schemas of Zod, Valibot, ArkType
 * and others are such validators, and so is any object with this one property.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** The types of the schema. They exist for the compiler only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> = SchemaSuccess<Output> | SchemaFailure;

export interface SchemaSuccess<Output> {
  readonly value: Output;
  readonly issues?: undefined;
}

export interface SchemaFailure {
  readonly issues: readonly SchemaIssue[];
}

/** The type that a schema turns an accepted value into. */
export type SchemaOutput<S extends StandardSchema> =
  Exclude<Awaited<ReturnType<S['~standard']['validate']>>, SchemaFailure> extends { readonly value: infer Output }
    ? Output
    : never;
