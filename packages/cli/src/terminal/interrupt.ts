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

/**
 * Waits for what a command needs before it can begin. If it is interrupted meanwhile the process ends at once, as after a success: nothing has begun that would have to end in
 * good order.
 *
 * @param last is called before that
 */
export async function unlessInterrupted<T>(
  work: Promise<T>,
  interrupted: Promise<void>,
  last: () => void = () => {},
): Promise<T> {
  let isOver = false;
  void interrupted.then(() => {
    if (isOver) return;
    last();
    process.exit(0);
  });
  try {
    return await work;
  } finally {
    isOver = true;
  }
}
