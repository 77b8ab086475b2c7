import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';

interface Budget {
  readonly name: string;
  readonly code: string;
  readonly bytes: number;
  /** What the bytes are meant to become. */
  readonly aim?: number;
}

/** What a browser downloads for an import, minified and compressed: how many bytes that may be. */
const BUDGETS: readonly Budget[] = [
  { name: 'the decoder', code: `export { EventStreamDecoder } from '@tidings/wire'`, bytes: 1_680 },
  { name: 'EventSource', code: `export { EventSource } from '@tidings/client'`, bytes: 3_750 },
  { name: 'the polyfill', code: `import '@tidings/client/polyfill'`, bytes: 3_765 },
  { name: 'subscribe', code: `export { subscribe } from '@tidings/client'`, bytes: 7_450 },
  { name: 'the whole client', code: `export * from '@tidings/client'`, bytes: 8_230 },
  { name: 'Publisher', code: `export { Publisher } from '@tidings/client/publisher'`, bytes: 11_100, aim: 10_000 },
];

/** What is downloaded later, and only where an option asks for it: the module that is imported then, and its bytes. */
const LATER = [
  { option: 'shared', module: 'shared/shared-feed.js', bytes: 3_170 },
  { option: 'schemas or json', module: 'subscription/data-reader.js', bytes: 500 },
  { option: 'store', module: 'position/position-keeper.js', bytes: 380 },
] as const;

test.each(BUDGETS)('$name stays within its size', async ({ name, code, bytes, aim }) => {
  const { atOnce } = await measure(code);
  console.log(`${name}: ${atOnce} of ${bytes} bytes${aim === undefined ? '' : `, aim ${aim}`}`);
  expect(atOnce).toBeLessThanOrEqual(bytes);
});

test('what only an option needs is downloaded with that option, and stays within its size', async () => {
  const { later } = await measure(`export { subscribe } from '@tidings/client'`);
  expect(Object.keys(later).toSorted()).toEqual(LATER.map(({ module }) => module).toSorted());
  for (const { option, module, bytes } of LATER) {
    console.log(`the option ${option}: ${later[module]} of ${bytes} bytes`);
    expect(later[module]).toBeLessThanOrEqual(bytes);
  }
});

/** The compressed bytes of what an entry imports at once, and of what each module that it may import later adds to that. */
async function measure(code: string): Promise<{ atOnce: number; later: Record<string, number> }> {
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
  const sizeOf = (names: readonly string[]): number =>
    outputFiles
      .filter(({ path }) => names.some((name) => path.endsWith(name)))
      .reduce((size, { contents }) => size + gzipSync(contents, { level: 9 }).length, 0);
  const entries = Object.entries(metafile.outputs).flatMap(([name, { entryPoint }]) =>
    entryPoint === undefined ? [] : [{ name, entryPoint }],
  );
  const first = importedBy(metafile, entries.find(({ entryPoint }) => entryPoint === '<stdin>')?.name ?? '');
  const later = entries
    .filter(({ name }) => !first.has(name))
    .map(({ name, entryPoint }) => {
      const [, module = ''] = entryPoint.split('/dist/');
      return [module, sizeOf([...importedBy(metafile, name)].filter((its) => !first.has(its)))] as const;
    });
  return { atOnce: sizeOf([...first]), later: Object.fromEntries(later) };
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
