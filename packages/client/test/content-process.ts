import { readdirSync, readFileSync } from 'node:fs';
import type { Page } from 'puppeteer-core';

/** How long the page is kept busy between two looks, in milliseconds. */
const BUSY_MS = 250;

/**
 * How much more than any other process the page's must have worked, in ticks of the kernel. A browser starts a process in
 * advance now and then, which works for some sixty, and on a busy machine the page gets only a part of its time.
 */
const LEAD_TICKS = 100;

/** The process in which a page lives, among those of its browser: the one that works when the page does. */
export async function contentProcessOf(page: Page, browser: number): Promise<number> {
  const before = new Map(contentProcesses(browser).map((pid) => [pid, ticksOf(pid)]));
  for (;;) {
    await page.evaluate((ms) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    }, BUSY_MS);
    const worked = [...before].map(([pid, ticks]) => ({ pid, ticks: ticksOf(pid) - ticks }));
    const [busiest, next] = worked.toSorted((one, other) => other.ticks - one.ticks);
    if (busiest === undefined) throw new Error('the browser has no processes for pages');
    if (busiest.ticks - (next?.ticks ?? 0) >= LEAD_TICKS) return busiest.pid;
  }
}

function contentProcesses(browser: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${entry}/status`))?.[1] ?? 0);
    parents.set(Number(entry), parent);
  }
  const isOfBrowser = (pid: number): boolean => {
    const parent = parents.get(pid) ?? 0;
    return parent === browser || (parent > 1 && isOfBrowser(parent));
  };
  return [...parents.keys()].filter(
    (pid) => isOfBrowser(pid) && /-contentproc\b|--type=renderer\b/.test(read(`/proc/${pid}/cmdline`)),
  );
}

/** The time that a process has worked, in ticks of the kernel. */
function ticksOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** A process may be gone by now. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
