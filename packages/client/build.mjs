/// <reference types="node" />
// What the compiler does not do: bundles the package for tools that read `main`, and neither `exports` nor `imports` (Parcel, Metro before 0.82).
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** @param {string} path */
const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: {
    index: fromHere('dist/index.js'),
    polyfill: fromHere('dist/event-source/polyfill.js'),
    publisher: fromHere('dist/publisher/index.js'),
  },
  outdir: fromHere('dist/bundled'),
  bundle: true,
  // What only some options need stays in files of its own.
  splitting: true,
  format: 'esm',
  // Not the one of browsers alone: such a tool may be one of React Native, which lacks something.
  platform: 'neutral',
  target: 'es2022',
  logLevel: 'warning',
});
