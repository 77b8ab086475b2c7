import { execFileSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programFolder } from './folder.ts';

const programs = new Map<string, string>();
let folder: string | undefined;

/** Compiles a C program of one file, once a run. Returns its path, or undefined if there is no gcc or no epoll. */
export function compile(source: URL): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const file = fileURLToPath(source);
  const known = programs.get(file);
  if (known) return known;
  folder ??= programFolder();
  const program = join(folder, basename(file, '.c'));
  try {
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, file]);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  programs.set(file, program);
  return program;
}
