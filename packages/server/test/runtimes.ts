import { runtimes as all } from '../../../scripts/runtimes.mjs';

/** A runtime that an adapter is run on in a process of its own. */
export interface Runtime {
  readonly title: string;
  readonly kind: 'node' | 'bun' | 'deno';
  readonly path: string;
  /** What comes before a script's path: with no more permissions than it takes to listen. */
  readonly args: readonly string[];
  /** Said to be missing on this machine, so that tests of it are skipped. */
  readonly missing: boolean;
}

const missing = new Set((process.env['TIDINGS_MISSING'] ?? '').split(','));

export const ARGS = {
  node: [],
  bun: ['run'],
  deno: ['run', '--quiet', '--no-prompt', '--cached-only', '--node-modules-dir=manual', '--allow-net=127.0.0.1'],
} as const;

/** The oldest and the newest Node, Bun and Deno. `npm test` fetches those that are not there. */
export const runtimes: readonly Runtime[] = all
  .filter(({ name }) => name !== 'node22')
  .map(({ name, title, kind, path }) => ({ title, kind, path, args: ARGS[kind], missing: missing.has(name) }));
