/** Codes never change their meaning. */
export type CliErrorCode =
  /** A command, option or argument that is unknown, missing or has a value that is not allowed. */
  | 'ERR_USAGE'
  /** The hub could not be reached, or did not answer. */
  | 'ERR_UNREACHABLE'
  /** The hub answered that it will not do what it was asked for. */
  | 'ERR_REFUSED'
  /** Standard input holds an event that no hub takes. */
  | 'ERR_INPUT'
  /** The address to serve on is taken, not allowed or not there. */
  | 'ERR_ADDRESS'
  /** The folder of the events cannot be used. */
  | 'ERR_DATA';

/** A mistake or failure that its message explains in full: it is shown to a person, without a stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** What the process exits with: 2 for a mistake in how it was called, otherwise 1. */
  get exitCode(): number {
    return this.code === 'ERR_USAGE' ? 2 : 1;
  }
}
