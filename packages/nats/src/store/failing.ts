import { NatsError } from '../errors.ts';
import { isLate } from './problem.ts';

/** What is told of a failure while a log is open, after which it goes on by itself. The client says no more than "timeout" of an answer that did not come. */
export function failing(error: unknown, name: string): unknown {
  if (!isLate(error)) return error;
  const message = `The log ${name} cannot be followed or written at present: the NATS server did not answer a request in time. It is tried again`;
  return new NatsError('ERR_STORE_AWAY', message, { cause: error });
}

/** Tells of a failure where nobody else is told. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
