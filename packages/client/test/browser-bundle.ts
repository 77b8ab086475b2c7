import { fileURLToPath } from 'node:url';
import { build, type BuildOptions } from 'esbuild';

/** The agent as a script for browsers, the client's code included. */
export function bundleForBrowsers(): Promise<string> {
  return bundle({ format: 'iife', platform: 'browser' });
}

/** The agent as a module for other runtimes, which load the client themselves. */
export function bundleForRuntimes(): Promise<string> {
  return bundle({ format: 'esm', platform: 'neutral', external: ['@tidings/client'] });
}

/** What bundlers for Workers prefer of a package. */
const WORKER_CONDITIONS = ['workerd', 'worker', 'browser'];

/** The agent as a module for Workers, the client's code included. */
export function bundleForWorkers(): Promise<string> {
  const entry = fileURLToPath(new URL('./scenario-worker.ts', import.meta.url));
  return bundle({ entryPoints: [entry], format: 'esm', platform: 'neutral', conditions: WORKER_CONDITIONS });
}

/** The same as a script for an edge runtime, whose exports are the global `agent`. */
export function bundleForEdge(): Promise<string> {
  const entry = fileURLToPath(new URL('./scenario-worker.ts', import.meta.url));
  const conditions = ['edge-light', 'worker', 'browser'];
  return bundle({ entryPoints: [entry], format: 'iife', globalName: 'agent', platform: 'neutral', conditions });
}

/** A module for a page, the client's code included. */
export function bundleScript(contents: string): Promise<string> {
  return bundle({
    entryPoints: [],
    stdin: { contents, resolveDir: import.meta.dirname },
    format: 'esm',
    platform: 'browser',
  });
}

async function bundle(options: BuildOptions): Promise<string> {
  const entryPoints = [fileURLToPath(new URL('./scenario-agent.ts', import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, target: 'es2022', ...options });
  return outputFiles![0]!.text;
}
