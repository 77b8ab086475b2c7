import { readFileSync } from 'node:fs';

/** How many connections may wait for a server to accept them. */
export function waitingConnections(): number {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  } catch {
    // Not Linux: what most systems start with.
    return 128;
  }
}
