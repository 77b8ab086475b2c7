import { readdirSync, readFileSync } from 'node:fs';

/** Processor time of processes so far, all of their threads, microseconds. Read from outside, so that nothing in them is asked for anything. Only on Linux. */
export function cpuOf(pids: readonly number[]): number {
  return sum(pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((task) => cpuOfTask(pid, task))));
}

/** The processes that a process has started. */
export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function cpuOfTask(pid: number, task: string): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1000;
}

export function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
