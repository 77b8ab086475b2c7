/** The codes of {@link CliError}. A code never changes its meaning. */
export type CliErrorCode =
  /** A command, option or argument is unknown, is missing or has a value that is not allowed. */
  | 'ERR_USAGE'
  /** The hub cannot be reached or does not answer. */
  | 'ERR_UNREACHABLE'
  /** The hub refused the request. */
  | 'ERR_REFUSED'
  /** Standard input is a folder, or holds an event that this command cannot hold in memory. */
  | 'ERR_INPUT'
  /** The hub cannot listen on the address. */
  | 'ERR_ADDRESS'
  /** The hub cannot use the folder for its events. */
  | 'ERR_DATA';

/** A failure that its message explains in full. The command shows the message without a stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The exit code of the process: 2 when the command was called wrongly, otherwise 1. */
  get exitCode(): number {
    return this.code === 'ERR_USAGE' ? 2 : 1;
  }
}
