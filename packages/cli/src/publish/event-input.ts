import type { EventFields } from '@tidings/wire';

/**
 * The most bytes of one event that this command holds, 64 MiB. It protects the memory of this process from an input that never
 * ends a line or an event. The hub has a limit of its own, which the command does not know: the hub answers 413 to what is longer.
 */
export const MAX_HELD_EVENT_BYTES: number = 64 * 1024 * 1024;

/** Turns standard input into events, in order, as it is read. */
export interface EventInput {
  /** @throws {CliError} `ERR_INPUT` after it has emitted everything before the mistake */
  read(chunk: Uint8Array, emit: (event: EventFields) => void): void;
  /** Takes the end of the input. */
  end(emit: (event: EventFields) => void): void;
}
