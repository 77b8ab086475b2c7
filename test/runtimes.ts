import { dirname } from 'node:path';
import { execPath, versions } from 'node:process';
import { isMissing } from './missing.ts';
import { runtimes as others } from '../scripts/runtimes.mjs';

/** A runtime that is no browser and runs programs. */
export interface Runtime {
  /** As `TIDINGS_MISSING` has it; this Node has none. */
  readonly name?: string;
  readonly title: string;
  readonly kind: 'node' | 'bun' | 'deno';
  readonly path: string;
  /** What comes before a script's path: with no more permissions than it takes to listen. */
  readonly args: readonly string[];
  /** Said to be missing on this machine, so that tests of it are skipped. */
  readonly missing: boolean;
}

/** A server's address is all that Deno has to be allowed. It is not to fetch packages, they are there. */
const ARGS = {
  node: [],
  bun: ['run'],
  deno: ['run', '--quiet', '--no-prompt', '--cached-only', '--node-modules-dir=manual', '--allow-net=127.0.0.1'],
} as const;

/** This Node and the others that are promised to be run on, Bun and Deno. `npm test` fetches those that are not there. */
export const runtimes: readonly Runtime[] = [
  { title: `Node ${versions.node}`, kind: 'node', path: execPath, args: ARGS.node, missing: false },
  ...others.flatMap(({ name, title, kind, path }) =>
    kind === 'workerd' || kind === 'postgres'
      ? []
      : [{ name, title, kind, path, args: ARGS[kind], missing: isMissing(name) }],
  ),
];

/** The runtime of Cloudflare's Workers, which runs no programs: it serves what a configuration names. */
export const workerd = {
  path: others.find(({ kind }) => kind === 'workerd')?.path ?? '',
  missing: isMissing('workerd'),
} as const;

/** The newest PostgreSQL. `programs` is their folder. */
export const newestPostgres = {
  programs: dirname(others.find(({ kind }) => kind === 'postgres')?.path ?? ''),
  missing: isMissing('postgres18'),
} as const;
