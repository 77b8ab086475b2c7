import { destination, pino, type Logger } from 'pino';

/** Bytes of lines that may wait for whoever reads standard error. What comes then is left out. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Writes to standard error, one JSON object a line, and keeps nothing waiting: neither for a reader that stands still nor for one that has gone.
 *
 * @param verbose whether more is written than warnings and errors
 */
export function makeLogger(verbose: boolean): Logger {
  const output = destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  // There is nobody left to tell.
  output.on('error', () => {});
  return pino({ level: verbose ? 'debug' : 'warn' }, output);
}
