import { execFileSync } from 'node:child_process';

/** How many files a process may open at most. */
export function openFiles(): number {
  // Each raises its own limit to this one: Node at its start, and the sink.
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}
