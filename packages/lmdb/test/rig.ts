import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LmdbLog, type LmdbLogOptions } from '@tidings/lmdb';
import {
  EARLIEST,
  type LogEntry,
  type LogRetention,
  type NewEvent,
  type Position,
  type Selection,
} from '@tidings/server/log';
import { onTestFinished } from 'vitest';
import { folder } from '../../../test/folder.ts';

// No test needs a process for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 120_000;

export const EVERYTHING: Selection = { topics: 'all', private: 'all' };

export async function openLog(options: Partial<LmdbLogOptions> = {}): Promise<LmdbLog> {
  const log = await LmdbLog.open({ path: folder({}), ...options });
  onTestFinished(() => log.close());
  return log;
}

export const event = (topic: string, data = ''): NewEvent => ({ topics: [topic], fields: { data } });

/** Opens a log in another process, and waits until it is open or has been refused: `first` says which. The process may be run by another program. */
export async function spawnLog(
  path: string,
  runner: readonly string[] = [],
  retention: LogRetention = {},
): Promise<{ child: ChildProcess; first: string }> {
  const script = fileURLToPath(new URL('log-process.ts', import.meta.url));
  const [command, ...args] = [...runner, process.execPath, script, path, JSON.stringify(retention)];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    timeout: MAX_LIFE_MS,
    killSignal: 'SIGKILL',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(() => ['exited without a word']);
  const [first] = (await Promise.race([once(createInterface(child.stdout!), 'line'), exited])) as [string];
  return { child, first };
}

export async function headOf(log: LmdbLog): Promise<number> {
  return (await log.locate(EARLIEST)).head;
}

export function positionOf(log: LmdbLog): Position {
  let found: Position = { epoch: '', seq: -1 };
  log.follow({ onStart: (position) => (found = position), onBatch: () => {}, onLost: () => {} }).stop();
  return found;
}

export function follow(log: LmdbLog, onBatch: (batch: readonly LogEntry[]) => void): void {
  log.follow({ onStart: () => {}, onBatch, onLost: () => {} });
}

export async function seqs(log: LmdbLog, selection: Selection = EVERYTHING): Promise<number[]> {
  const through = await headOf(log);
  const found: number[] = [];
  for (let after = 0; after < through;) {
    const page = await log.read({ selection, after, through, maxBytes: 2 ** 30 });
    found.push(...page.entries.map(({ seq }) => seq));
    after = page.through;
  }
  return found;
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);
