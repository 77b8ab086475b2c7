import { readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';

// A small file beside the data records whether they were closed, and their state then. A data file that is still the same need not be checked again.

interface State {
  /** The process that has the folder open, and the folder: this file may have been copied. */
  readonly openIn?: string;
  /** The data file as it was when the log was closed. */
  readonly closed?: string;
}

/** Whether another thread of this process has the folder open, or another copy of this module. @param folder its device and inode */
export function isOpenHere(file: string, folder: string): boolean {
  const here = placeIn(folder);
  return here !== undefined && read(file).openIn === here;
}

/** Whether the data were neither written nor replaced since they were closed. */
export function isAsClosed(file: string, data: string): boolean {
  const { closed } = read(file);
  return closed !== undefined && closed === fingerprint(data);
}

export function noteOpen(file: string, folder: string): void {
  write(file, () => ({ openIn: placeIn(folder) }));
}

export function noteClosed(file: string, data: string): void {
  write(file, () => ({ closed: fingerprint(data) }));
}

function read(file: string): State {
  try {
    const state: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof state === 'object' && state !== null ? state : {};
  } catch {
    return {};
  }
}

function write(file: string, state: () => { readonly [Key in keyof State]: State[Key] | undefined }): void {
  try {
    rmSync(file, { force: true });
    writeFileSync(file, JSON.stringify(state()), { mode: 0o600 });
  } catch {
    // Without it the data are checked at the next opening. The folder may have been removed, too.
  }
}

function fingerprint(data: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(data, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(' ');
}

/** A name for a folder in this process, different from those in all other processes, or undefined if the system cannot tell. */
function placeIn(folder: string): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return [boot, readlinkSync('/proc/self/ns/pid'), process.pid, started, folder].join(' ');
  } catch {
    return undefined;
  }
}
