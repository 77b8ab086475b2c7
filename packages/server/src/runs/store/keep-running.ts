// The longest time of a timer.
const LONG_MS = 2 ** 31 - 1;

/** Keeps the process alive, which the timers of a clock do not, until the returned function is called. */
export function keepRunning(): () => void {
  const timer = setInterval(() => {}, LONG_MS);
  return () => clearInterval(timer);
}
