import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type CollectGarbage = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

// A first collection calls finalizers, whose handles are closed by the loop, which frees what the next collection takes.
const COLLECTIONS = 5;
const BETWEEN_MS = 100;

let collect: CollectGarbage | undefined;

/** Collects all garbage of this process and gives the pages back, as far as V8 does. */
export async function settle(): Promise<void> {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as CollectGarbage;
  }
  for (let round = 0; round < COLLECTIONS; round += 1) {
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await sleep(BETWEEN_MS);
  }
}

/** Memory of a process that is in RAM now, KiB. */
export function residentKib(pid: number): number {
  if (process.platform === 'linux') return statusOf(pid, 'VmRSS');
  return Math.round(process.memoryUsage.rss() / 1024);
}

/** The most that has been there since the last time this was asked, off Linux since the process began. */
export function peakKib(pid: number): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS;
  const peak = statusOf(pid, 'VmHWM');
  // See proc(5): 5 sets the mark back to what there is now.
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return peak;
}

function statusOf(pid: number, name: string): number {
  const [, kib] = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib);
}
