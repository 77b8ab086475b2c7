import { closeSync, openSync } from 'node:fs';

/** Whether this process has a terminal that is open: one that is closed sends SIGHUP to those that were started on it. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
