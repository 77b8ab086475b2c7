import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

// No test needs a hub for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 120_000;

/** A hub in a process of its own. */
export interface HubProcess {
  readonly child: ChildProcess;
  /** What it said first: `open`, or the code of what stopped it. */
  readonly said: string;
  readonly port: number;
  /** What it has written to standard error. */
  stderr(): string;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

export interface SpawnOptions {
  readonly retention?: object;
  /** The most bytes that a file of the process may have. */
  readonly maxFileBytes?: number;
  /** How many files and connections the process may have open. */
  readonly maxDescriptors?: number;
  /** The certificate of a hub over TLS, PEM. */
  readonly tls?: object;
}

/** Starts a hub on a data folder and waits until it is open or has been refused. */
export async function spawnHub(
  folder: string,
  { retention = {}, maxFileBytes, maxDescriptors, tls }: SpawnOptions = {},
): Promise<HubProcess> {
  const script = fileURLToPath(new URL('./hub-process.ts', import.meta.url));
  const command = [
    process.execPath,
    '--expose-gc',
    script,
    folder,
    JSON.stringify(retention),
    ...(tls ? [JSON.stringify(tls)] : []),
  ];
  // The shell's limit is in KiB, and a soft one, so that it can be lifted from outside.
  const limits = [
    ...(maxFileBytes === undefined ? [] : [`ulimit -S -f ${maxFileBytes / 1024};`]),
    // Node raises a soft one by itself.
    ...(maxDescriptors === undefined ? [] : [`ulimit -n ${maxDescriptors};`]),
  ];
  const limited = ['bash', '-c', `${limits.join(' ')} exec "$@"`, 'bash', ...command];
  const [file = '', ...args] = limits.length === 0 ? command : limited;
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: MAX_LIFE_MS,
    killSignal: 'SIGKILL',
  }) as ChildProcessByStdio<null, Readable, Readable>;
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => [`exited: ${stderr}`]),
  ])) as [string];
  const [said = '', port] = line.split(' ');
  return { child, said: said === 'exited:' ? line : said, port: Number(port), stderr: () => stderr, kill };
}
