/// <reference types="node" />
// What the compiler does not do: bundles the package for tools that read `main`, and neither `exports` nor `imports` (Parcel, Metro before 0.82).
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

await build({
  entryPoints: [fileURLToPath(new URL('dist/index.js', import.meta.url))],
  outdir: fileURLToPath(new URL('dist/bundled', import.meta.url)),
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  logLevel: 'warning',
});
