import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** What a browser downloads for an import, minified and compressed: how many bytes that may be, and is meant to become. */
const BUDGETS = [
  { name: 'the decoder', code: `export { EventStreamDecoder } from '@tidings/wire'`, bytes: 3_500, aim: 1_500 },
  { name: 'EventSource', code: `export { EventSource } from '@tidings/client'`, bytes: 9_000, aim: 3_500 },
  { name: 'the polyfill', code: `import '@tidings/client/polyfill'`, bytes: 9_000, aim: 3_500 },
  { name: 'subscribe', code: `export { subscribe } from '@tidings/client'`, bytes: 15_000, aim: 7_000 },
  { name: 'the whole client', code: `export * from '@tidings/client'`, bytes: 16_000, aim: 7_000 },
] as const;

test.each(BUDGETS)('$name stays within its size', async ({ name, code, bytes, aim }) => {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    target: 'es2022',
    write: false,
  });
  const size = gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
  console.log(`${name}: ${size} of ${bytes} bytes, aim ${aim}`);
  expect(size).toBeLessThanOrEqual(bytes);
});
