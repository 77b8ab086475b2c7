import type { OutgoingEvent } from './outgoing-event.ts';

/** Turns what standard input holds into events, in order, as far as it has been read. */
export interface EventInput {
  /** @throws {CliError} `ERR_INPUT` after everything before the mistake has been emitted */
  read(chunk: Uint8Array, emit: (event: OutgoingEvent) => void): void;
  /** The input has ended. @throws {CliError} `ERR_INPUT` */
  end(emit: (event: OutgoingEvent) => void): void;
}
