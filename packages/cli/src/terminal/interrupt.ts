/** The exit code of a process that a second Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP, which is what a terminal sends that is closed. A second SIGINT or SIGTERM ends the process
 * at once.
 *
 * @returns a function that ends this
 */
export function onInterrupt(stop: () => void): () => void {
  let interrupted = false;
  const receive = (): void => {
    if (interrupted) process.exit(INTERRUPTED);
    interrupted = true;
    stop();
  };
  // A terminal and the shell in it may both send one.
  const hangUp = (): void => {
    if (!interrupted) receive();
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  process.on('SIGHUP', hangUp);
  return () => {
    process.off('SIGINT', receive);
    process.off('SIGTERM', receive);
    process.off('SIGHUP', hangUp);
  };
}
