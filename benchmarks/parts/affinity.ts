import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** The first core and all others, as `taskset` takes them; undefined with one core. */
export const CORES: { readonly first: string; readonly others: string; readonly all: string } | undefined =
  availableParallelism() > 1
    ? {
        first: '0',
        others: `1-${availableParallelism() - 1}`,
        all: `0-${availableParallelism() - 1}`,
      }
    : undefined;

/** Lets all threads of a process run on some cores only. Needs `taskset` of util-linux. */
export function keepOn(pid: number, cores: string): void {
  execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
}
