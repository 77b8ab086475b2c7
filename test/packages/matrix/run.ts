/**
 * `npm run matrix`: bundles a program of the packed packages with each bundler, runs the result on Node against a server, and prints a table
 * for CONTRIBUTING.md. It installs the bundlers, which takes longer than the gate may.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ensureInstalled } from '../../../scripts/install.mjs';
import { exec, Project } from '../project.ts';

const HERE = import.meta.dirname;

/** Listens by both classes, and prints what came. */
const PROGRAM = `
import { EventSource, subscribe } from '@tidings/client';
import '@tidings/client/polyfill';
import { encodeEvent } from '@tidings/wire';

async function main() {
  const url = globalThis.streamUrl;
  const source = new EventSource(url);
  const { data } = await new Promise((resolve) => { source.onmessage = resolve; });
  source.close();
  for await (const event of subscribe(url)) {
    console.log(data, event.data, encodeEvent({ data: 'text' }).trim(), typeof globalThis.EventSource);
    break;
  }
}
void main();
`;

const PRINTED = 'news news data: text function\n';

const INDEX = '<script type="module" src="./program.js"></script>';

/** Each bundler: the name of its script beside this one and what it is given. The result is the file out.js of the project. */
const CELLS = [
  { tool: 'Parcel 2.16', how: '`main`', args: ['parcel.mjs'] },
  { tool: 'webpack 5.113, source-map-loader', how: '`exports`, without a warning', args: ['webpack.mjs'] },
  { tool: 'Rollup 4.68', how: '`exports`, `browser`', args: ['rollup.mjs'] },
  { tool: 'Vite 8.3', how: '`exports`', args: ['vite.mjs'] },
  { tool: 'Metro 0.84', how: '`exports`', args: ['metro.mjs', 'metro', 'exports'] },
  { tool: 'Metro 0.81', how: '`main`', args: ['metro.mjs', 'metro-0.81', 'main'] },
] as const;

await ensureInstalled(HERE);
using project = new Project({ 'program.js': PROGRAM, 'index.html': INDEX });
await project.install();

const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: news\n\n');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;

console.log('| bundler | finds the packages by | bundled and run |\n|---|---|---|');
for (const { tool, how, args } of CELLS) {
  const start = performance.now();
  const outcome = await cell(args).catch((error: unknown) => {
    process.exitCode = 1;
    return `failed: ${String(error)}`;
  });
  console.log(`| ${tool} | ${how} | ${outcome}, ${((performance.now() - start) / 1000).toFixed(1)} s |`);
}
server.closeAllConnections();
server.close();

async function cell([script, ...args]: readonly [string, ...string[]]): Promise<string> {
  const timeout = 120_000;
  await exec(process.execPath, [join(HERE, script), project.folder, ...args], { cwd: HERE, timeout });
  // A bundle for pages takes the global object by the name that it has there.
  const run = `globalThis.self = globalThis; globalThis.streamUrl = 'http://127.0.0.1:${port}/'; import('./out/program.js')`;
  const printed = await exec(process.execPath, ['--eval', run], { cwd: project.folder, timeout: 30_000 });
  if (printed !== PRINTED) throw new Error(`It printed ${JSON.stringify(printed)}`);
  return 'passes';
}
