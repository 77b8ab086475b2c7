import { destination, pino, type Logger } from 'pino';

/** The most bytes of lines that may wait to be written to standard error. Further lines are left out. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Writes to standard error, one JSON object a line. It never blocks the process, even if the reader stands still or has gone.
 *
 * @param verbose whether to write more than warnings and errors
 * @param worker the number of the worker that writes, if it is one
 */
export function makeLogger(verbose: boolean, worker?: number): Logger {
  const output = destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  // The error cannot be reported anywhere.
  output.on('error', () => {});
  // Before pino writes what waits, and would go on trying until the reader takes it.
  process.prependListener('exit', () => output.destroy());
  const logger = pino({ level: verbose ? 'debug' : 'warn' }, output);
  return worker === undefined ? logger : logger.child({ worker });
}
