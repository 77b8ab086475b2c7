import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';

/** What a browser downloads for an import, minified and compressed: how many bytes that may be, and is meant to become. */
const BUDGETS = [
  { name: 'the decoder', code: `export { EventStreamDecoder } from '@tidings/wire'`, bytes: 1_850, aim: 1_500 },
  { name: 'EventSource', code: `export { EventSource } from '@tidings/client'`, bytes: 3_860, aim: 3_750 },
  { name: 'the polyfill', code: `import '@tidings/client/polyfill'`, bytes: 3_875, aim: 3_765 },
  { name: 'subscribe', code: `export { subscribe } from '@tidings/client'`, bytes: 7_850, aim: 7_450 },
  { name: 'the whole client', code: `export * from '@tidings/client'`, bytes: 8_690, aim: 8_200 },
  { name: 'Publisher', code: `export { Publisher } from '@tidings/client/publisher'`, bytes: 8_000, aim: 7_500 },
] as const;

/** What is fetched besides where `shared` is asked for, and only there. */
const SHARED_BYTES = 3_170;

test.each(BUDGETS)('$name stays within its size', async ({ name, code, bytes, aim }) => {
  const { atOnce } = await measure(code);
  console.log(`${name}: ${atOnce} of ${bytes} bytes, aim ${aim}`);
  expect(atOnce).toBeLessThanOrEqual(bytes);
});

test('what tabs need to share a connection is fetched only where they share one, and stays within its size', async () => {
  const { later } = await measure(`export { subscribe } from '@tidings/client'`);
  console.log(`shared connections: ${later} of ${SHARED_BYTES} bytes`);
  expect(later).toBeGreaterThan(0);
  expect(later).toBeLessThanOrEqual(SHARED_BYTES);
});

/** The compressed bytes of what an entry imports at once, and of what it may import later. */
async function measure(code: string): Promise<{ atOnce: number; later: number }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    target: 'es2022',
    outdir: 'out',
    write: false,
    metafile: true,
  });
  const names = Object.keys(metafile.outputs);
  const entry = names.find((name) => metafile.outputs[name]?.entryPoint === '<stdin>') ?? '';
  const first = importedBy(metafile, entry);
  const sizeOf = (name: string): number =>
    gzipSync(outputFiles.find(({ path }) => path.endsWith(name))!.contents, { level: 9 }).length;
  const sum = (some: readonly string[]): number => some.reduce((size, name) => size + sizeOf(name), 0);
  return { atOnce: sum([...first]), later: sum(names.filter((name) => !first.has(name))) };
}

/** A file, and all that it imports without being asked. */
function importedBy(metafile: Metafile, name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const { kind, path } of metafile.outputs[name]?.imports ?? []) {
    if (kind === 'import-statement') importedBy(metafile, path, found);
  }
  return found;
}
