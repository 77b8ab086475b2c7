import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** The one program of a page (from the workshop's root) in a language that has the word, ready to run. */
export function program(page: string, language: 'js' | 'json' | 'jsx' | 'sh' | 'ts' | 'yaml', word: string): string {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const fences = new RegExp(String.raw`^( *)\`\`\`${language}\n([\s\S]*?)^ *\`\`\`$`, 'gm');
  const programs = [...text.matchAll(fences)].map(([, indent, code]) => code!.replaceAll(`\n${indent}`, '\n'));
  const [found, another] = programs.filter((code) => code.includes(word));
  if (found === undefined || another !== undefined) throw new Error(`${page} should have one program with ${word}`);
  return found;
}

/** A program that runs, for the length of one test at most. */
export class RunningProgram {
  /** Where it runs. */
  readonly folder: string;
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  #output = '';

  private constructor(folder: string, command: string, args: readonly string[]) {
    this.folder = folder;
    this.#child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (text: Buffer) => {
      this.#output += text.toString();
    });
    onTestFinished(() => this.kill());
  }

  /** Starts a program for Node, in a folder of its own from where it finds the packages. */
  static node(code: string, folder: string = makeFolder()): RunningProgram {
    writeFileSync(join(folder, 'program.mjs'), code);
    return new RunningProgram(folder, process.execPath, ['program.mjs']);
  }

  static shell(code: string): RunningProgram {
    return new RunningProgram(makeFolder(), 'sh', ['-c', code]);
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves to what it printed when it has ended by itself. */
  async ended(): Promise<{ code: number | null; output: string }> {
    const [code] = (await once(this.#child, 'close')) as [number | null];
    return { code, output: this.#output };
  }

  /** Resolves when it has printed the text. */
  async printed(text: string): Promise<void> {
    while (!this.#output.includes(text)) {
      if (this.hasEnded) throw new Error(`The program ended after printing ${JSON.stringify(this.#output)}`);
      await Promise.race([once(this.#child.stdout, 'data'), once(this.#child, 'close')]);
    }
  }

  /** Asks it to end. */
  stop(): void {
    this.#child.kill('SIGTERM');
  }

  async kill(): Promise<void> {
    if (!this.hasEnded && this.#child.kill('SIGKILL')) await once(this.#child, 'exit');
  }
}

/** What the strict compiler finds wrong with a program for Node. Resolves to an empty string if it finds nothing. */
export async function strictErrors(code: string, more: readonly string[] = []): Promise<string> {
  const folder = makeFolder();
  writeFileSync(join(folder, 'program.mts'), code);
  const options = [
    '--ignoreConfig',
    '--strict',
    '--noEmit',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    ...more,
  ];
  const compiler = spawn(join(ROOT, 'node_modules', '.bin', 'tsc'), [...options, 'program.mts'], { cwd: folder });
  let output = '';
  compiler.stdout.on('data', (text: Buffer) => {
    output += text.toString();
  });
  const [exitCode] = (await once(compiler, 'close')) as [number | null];
  return exitCode === 0 ? '' : output || `The compiler ended with ${exitCode}`;
}

/** Resolves to the answer as soon as the server of a program is up. */
export async function whenUp(server: RunningProgram, url: string, init?: RequestInit): Promise<Response> {
  for (;;) {
    if (server.hasEnded) throw new Error('The program ended instead of serving');
    try {
      return await fetch(url, init);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Below the workshop's node_modules, so that a program finds the packages as an installation would. */
function makeFolder(): string {
  const cache = join(ROOT, 'node_modules', '.cache', 'tidings');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'program-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
