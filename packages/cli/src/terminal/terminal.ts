import { closeSync, openSync } from 'node:fs';

/** Whether this process has a terminal that is open. When it is closed, the system sends SIGHUP to the processes that were started on it. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
