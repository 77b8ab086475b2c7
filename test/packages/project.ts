import { execFile, type ExecFileOptions } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outsideEnvironment } from '../../scripts/paths.mjs';
import { write } from '../folder.ts';
import { program } from '../program.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A project of its own that has installed the packed packages, and nothing else. */
export class Project implements Disposable {
  readonly folder: string;

  /** @param files text or JSON by their paths, its package.json left out */
  constructor(files: Record<string, unknown> = {}) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-packages-')));
    this.write({ 'package.json': { name: 'consumer', private: true, type: 'module' }, ...files });
  }

  /** Packs the packages and installs them, by the commands of the README. */
  async install(): Promise<void> {
    const commands = program('README.md', 'sh', 'npm pack').replaceAll('../my-project', this.folder);
    await exec('sh', ['-e', '-c', commands], { cwd: ROOT, env: npmEnvironment() });
  }

  write(files: Record<string, unknown>): void {
    write(this.folder, files);
  }

  /** Has it find a package of another project. */
  link(name: string, from: string): void {
    symlinkSync(join(from, 'node_modules', name), join(this.folder, 'node_modules', name));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The environment of a person at a shell, whose npm takes what it has from its cache. */
function npmEnvironment(): NodeJS.ProcessEnv {
  // An npm that runs this test has put into the environment what names another project.
  const all = Object.entries(outsideEnvironment());
  const own = all.filter(([name]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(name));
  return {
    ...Object.fromEntries(own),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

/**
 * Runs a program and returns its standard output. Where it fails, the error holds all that it wrote.
 * @param input its standard input
 */
export function exec(file: string, args: readonly string[], options: ExecFileOptions, input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { maxBuffer: 16 * 1024 * 1024, ...options, encoding: 'utf8' } as const;
    const child = execFile(file, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${file} failed:\n${stdout}${stderr}`));
    });
    if (input !== '') child.stdin?.end(input);
  });
}
