import { readFileSync } from 'node:fs';

/** Memory of a process that is in RAM now, KiB. */
export interface Resident {
  readonly rss: number;
  /** Its share: of what several processes have, such as the code of Node, each has a part. */
  readonly pss: number;
}

/** Reads the memory of a process from outside, so that nothing in it is asked for anything. Only on Linux. */
export function residentOf(pid: number): Resident {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
  return { rss: kib('Rss'), pss: kib('Pss') };
}

/** The first process that a process has started, else the process itself. */
export function startedBy(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return child ? Number(child) : pid;
}
