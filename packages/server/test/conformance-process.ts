import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { NODE_ADDS } from './conformance-node.ts';
import type { Adapter, Running } from './conformance.ts';
import { Facts } from './facts.ts';
import { runtimes as all, type Runtime } from '../../../test/runtimes.ts';

/** What the servers of the runtimes add to a response. */
const ADDS: Readonly<Record<Runtime['kind'], readonly string[]>> = {
  node: NODE_ADDS,
  bun: ['date', 'transfer-encoding', 'connection'],
  deno: ['date', 'transfer-encoding', 'vary'],
};

/** The oldest and the newest Node, Bun and Deno: on the Node of this process there are adapters enough. */
const runtimes = all.filter(({ name }) => name !== undefined && name !== 'node22');

/** The app behind each runtime's own server, in a process of its own. */
export const processAdapters: readonly Adapter[] = [
  ...runtimes.map((runtime) => adapterOf(runtime, 'own')),
  ...runtimes.filter(({ kind }) => kind === 'node').map((runtime) => adapterOf(runtime, 'streams')),
];

/** @param whose the runtime's own server, or that of `@tidings/server/node` */
function adapterOf(runtime: Runtime, whose: 'own' | 'streams'): Adapter {
  return {
    name: `${runtime.title}, a process of its own${whose === 'own' ? '' : ' with a server of @tidings/server/node'}`,
    form: runtime.kind === 'node' ? 'req-res' : 'fetch',
    adds: ADDS[runtime.kind],
    missing: runtime.missing,
    idles: runtime.kind === 'bun',
    lacks: runtime.name === 'node20' ? ['zstd'] : [],
    start: () => runProcess(runtime, whose),
  };
}

async function runProcess({ path, args }: Runtime, whose: 'own' | 'streams'): Promise<Running> {
  const folder = await install(new URL('conformance-server.ts', import.meta.url));
  const child = spawn(path, [...args, join(folder, 'server.mjs'), whose], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const facts = new Facts();
  createInterface({ input: child.stdout }).on('line', (line) => facts.add(line));
  const ended = once(child, 'close');
  const port = await Promise.race([
    facts.take('port '),
    ended.then(([code]): never => {
      throw new Error(`The server ended with ${String(code)} before it listened`);
    }),
  ]);
  return {
    address: { transport: 'http', port: Number(port.split(' ')[1]) },
    facts,
    command: (line) => void child.stdin.write(`${line}\n`),
    async close() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A project of its own that has the package installed, for runtimes that load it by their own conditions, and a script as `server.mjs`. */
export async function install(script: URL): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-server-'));
  const dependencies: Record<string, string> = {};
  for (const name of ['server', 'wire']) {
    const from = join(import.meta.dirname, '../..', name);
    const to = join(folder, 'node_modules/@tidings', name);
    for (const part of ['package.json', 'dist']) cpSync(join(from, part), join(to, part), { recursive: true });
    const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { version: string };
    dependencies[`@tidings/${name}`] = version;
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await build({
    entryPoints: [fileURLToPath(script)],
    outfile: join(folder, 'server.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: ['@tidings/*', 'node:*'],
  });
  return folder;
}
