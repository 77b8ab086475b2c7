import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { InstalledClient } from './installed-client.ts';
import type { Runtime } from '../../../test/runtimes.ts';

/** What a program printed, line by line, once it had ended by itself. */
export interface Finished {
  readonly code: number | null;
  readonly lines: readonly string[];
}

let programs = 0;

/** Runs a module in a runtime, in a process of its own, with arguments that it finds in `args`. */
export async function runProgram(
  { path, args }: Runtime,
  installed: InstalledClient,
  source: string,
  given: { args?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  const text = `const args = ${JSON.stringify(given.args ?? [])};\n${source}`;
  const script = installed.write(`program-${++programs}.mjs`, text);
  const child = spawn(path, [...args, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', ...given.env },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => void (output += part));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: output.trim().split('\n') };
}
