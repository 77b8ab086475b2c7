/** The exit code of a process that a second Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * Calls `stop` at the first SIGINT or SIGTERM. A second one ends the process at once.
 *
 * @param last is called before a second signal ends the process
 * @returns a function that ends this
 */
export function onInterrupt(stop: () => void, last: () => void = () => {}): () => void {
  let interrupted = false;
  const receive = (): void => {
    if (interrupted) {
      last();
      process.exit(INTERRUPTED);
    }
    interrupted = true;
    stop();
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  return () => {
    process.off('SIGINT', receive);
    process.off('SIGTERM', receive);
  };
}
