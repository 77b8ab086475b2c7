import { link, readdir, readFile, readlink, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pid } from 'node:process';

/** How often the owner of a lock shows that it lives, in milliseconds. */
const BEAT_MS = 5_000;

/** After how long without a sign of life an owner counts as gone whose process cannot be looked for, in milliseconds. */
const DEAD_MS = 30_000;

/** How much later than now a machine's start may seem to be, in milliseconds: clocks are set. */
const START_SLACK_MS = 60_000;

/** Between the name of a file and the process that is about to take its lock. */
const DRAFT = '.lock-';

/** Who has a lock, as its file says. An empty file is a lock that was given up. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** The numbers of processes among which `pid` is one: containers of one machine may have the same name, and numbers of their own. */
  readonly space: string;
  /** When the process was started, as the system tells it; `''` where it does not. */
  readonly started: string;
  /** When the lock was taken, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * A lock beside a file, for one process. Its files are `FILE.lock.1`, `FILE.lock.2`, …: who takes it makes the next one, which only one can, and the one with the
 * highest number counts. The owner of a lock that is not given up is looked for: a process that is gone has none.
 */
export interface FileLock {
  /** @throws Error where the lock was taken by another, because this process showed no sign of life for long */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** @throws Error where another process has the lock, or this one */
export async function lockFile(path: string): Promise<FileLock> {
  const { start } = await processOf(pid);
  const owner: Owner = { pid, host: hostname(), space: await ownSpace(), started: start, at: Date.now() };
  const mine = JSON.stringify(owner);
  const written = `${path}${DRAFT}${pid}-${Math.random().toString(36).slice(2)}`;
  for (;;) {
    const [newest = 0] = await numbers(path);
    if (newest > 0) await refuseOwned(path, lockName(path, newest));
    const name = lockName(path, newest + 1);
    try {
      // The file is whole from the moment on that it is there.
      await writeFile(written, mine);
      await link(written, name);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      continue;
    } finally {
      await unlink(written);
    }
    const [highest, ...others] = await numbers(path);
    if (highest !== newest + 1) {
      // The number that counted was removed while the names were read.
      await unlink(name);
      continue;
    }
    for (const number of others) await unlink(lockName(path, number)).catch(() => {});
    await removeDrafts(path);
    return hold(path, newest + 1);
  }
}

function hold(path: string, number: number): FileLock {
  const name = lockName(path, number);
  let beatAt = Date.now();
  const beat = setInterval(() => {
    const now = new Date();
    void utimes(name, now, now).then(
      () => (beatAt = now.getTime()),
      () => {},
    );
  }, BEAT_MS);
  beat.unref();
  return {
    async check() {
      if (Date.now() - beatAt < DEAD_MS / 2) return;
      const [newest] = await numbers(path);
      if (newest !== number) throw new Error(`${path} was taken over by another process, because this one stood still`);
      beatAt = Date.now();
    },
    async release() {
      clearInterval(beat);
      // It is not removed: the next owner could take a number that another one is just about to take.
      await writeFile(name, '');
    },
  };
}

/** Removes what processes have left that were killed while they took the lock. */
async function removeDrafts(path: string): Promise<void> {
  const start = `${basename(path)}${DRAFT}`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(start)) continue;
    const draft = join(dirname(path), name);
    // One that is new may be just about to be linked.
    const { mtimeMs } = await stat(draft).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > DEAD_MS) await unlink(draft).catch(() => {});
  }
}

function lockName(path: string, number: number): string {
  return `${path}.lock.${number}`;
}

/** The numbers of the files of a lock, highest first. */
async function numbers(path: string): Promise<number[]> {
  const start = `${basename(path)}.lock.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(start) && /^[1-9]\d{0,14}$/.test(name.slice(start.length)))
    .map((name) => Number(name.slice(start.length)))
    .toSorted((a, b) => b - a);
}

/** @throws Error unless the lock was given up, or its owner is gone */
async function refuseOwned(path: string, name: string): Promise<void> {
  let owner: Partial<Owner>;
  try {
    const text = await readFile(name, 'utf8');
    if (text === '') return;
    owner = JSON.parse(text) as Partial<Owner>;
  } catch (error) {
    // The next owner has removed it meanwhile, or it is no lock of ours.
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return;
    throw error;
  }
  if (owner.host === hostname() && owner.space === (await ownSpace())) {
    if (await isGone(owner)) return;
    const holder = owner.pid === pid ? 'this process' : `the process ${owner.pid}`;
    throw new Error(`${path} is in use by ${holder}, only one publisher at a time may have it`);
  }
  const { mtimeMs } = await stat(name);
  if (Date.now() - mtimeMs > DEAD_MS) return;
  const where = owner.host === hostname() ? 'in another container of' : 'on';
  throw new Error(
    `${path} is in use by the process ${owner.pid} ${where} ${owner.host}, only one publisher at a time may have it. ` +
      `If that process is gone, it is free after ${DEAD_MS / 1_000} s`,
  );
}

/** Whether a process of this machine is gone. Its number may have been given to another one. */
async function isGone({ pid: owner = 0, started, at = 0 }: Partial<Owner>): Promise<boolean> {
  if (!(owner > 0)) return true;
  // The machine was started since.
  if (Date.now() - uptime() * 1_000 > at + START_SLACK_MS) return true;
  try {
    process.kill(owner, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return true;
  }
  const { hasEnded, start } = await processOf(owner);
  return hasEnded || (start !== '' && started !== '' && start !== started);
}

/** What tells the numbers of this process and its neighbours from those of other containers; `''` where the system does not tell (only Linux does). */
async function ownSpace(): Promise<string> {
  return await readlink('/proc/self/ns/pid').catch(() => '');
}

/**
 * What the system tells of a process (only Linux does): when it was started, in a form that no other process with its number has, else `''`; and whether it has
 * ended, though its parent has not asked for its end yet.
 */
async function processOf(id: number): Promise<{ start: string; hasEnded: boolean }> {
  try {
    const [status, boot] = await Promise.all([
      readFile(join('/proc', String(id), 'stat'), 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // The name of the program may have spaces and brackets. Behind it are the state and, as the twentieth field, the start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return { start: `${boot.trim()} ${fields[19]}`, hasEnded: /^[XZ]/i.test(fields[0] ?? '') };
  } catch {
    return { start: '', hasEnded: false };
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
