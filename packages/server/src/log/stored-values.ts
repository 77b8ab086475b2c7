/** A small text that a log keeps by a name. */
export interface StoredValue {
  readonly name: string;
  readonly value: string;
}

/** What has become of values that are watched. */
export interface ValuesChange {
  /** Whether `set` are all that there are: what was told before, and is not among them, is gone. */
  readonly isWhole: boolean;
  /** The values that were set, in the order of their names. */
  readonly set: readonly StoredValue[];
  /** The names of those that were removed. */
  readonly removed: readonly string[];
}

export interface SetOptions {
  /**
   * When the value is forgotten, in milliseconds since 1970. The rest of its time is counted from the call by the log's own time, which runs only forward, also if the
   * system's clock is set. @default never
   */
  readonly expiresAt?: number | undefined;
  /**
   * The value is refused if all values of the log would cost more than so many bytes with it, so that there is room for others. @default 16777216, which is the most
   */
  readonly atMostBytes?: number | undefined;
}

/**
 * Small values that a log keeps beside its events, for all who use the log: such as the tokens that were revoked. Retention does not touch them. A name is 1 to 512 bytes of
 * UTF-8, a value at most 16 KiB, and all of them together cost at most 16 MiB. Every method rejects with `ERR_CLOSED` after the log was closed. A change is as
 * durable as an append when its method resolves.
 */
export interface StoredValues {
  /** What was set before the call is found, by whom ever. A value that another process has just replaced or removed may still be given. */
  get(name: string): Promise<string | undefined>;
  /**
   * Sets a value, or replaces it. Rejects with `ERR_INVALID_OPTION`, with `ERR_TOO_MANY_VALUES` if the values would cost more than the log takes, and with `ERR_NOT_STORED`.
   */
  set(name: string, value: string, options?: SetOptions): Promise<void>;
  /** Removes a value. Resolves to whether there was one. Rejects with `ERR_NOT_STORED`. */
  remove(name: string): Promise<boolean>;
  /** The values whose names begin with a text, in the order of their names, as of the call. */
  list(prefix: string): Promise<readonly StoredValue[]>;
  /**
   * Calls `onChange` with the values whose names begin with a text: soon with all of them, and then with what has changed whenever one was set or removed, by whom ever.
   * A value that expires is no such change. Several changes may be one call, in which a name comes once. All values are told again where it is not known what has changed.
   * `onChange` may not throw.
   * @returns ends it
   */
  watch(prefix: string, onChange: (change: ValuesChange) => void): () => void;
}
