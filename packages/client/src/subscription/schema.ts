/**
 * A validator by the Standard Schema specification (https://standardschema.dev), version 1: Zod, Valibot, ArkType and
 * others are such, and so is any object with this one property.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For the compiler only. */
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

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  /** Where in the value, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of a value that it accepts. */
export type SchemaOutput<S extends StandardSchema> =
  Exclude<Awaited<ReturnType<S['~standard']['validate']>>, SchemaFailure> extends { readonly value: infer Output }
    ? Output
    : never;
