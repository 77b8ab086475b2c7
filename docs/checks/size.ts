import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** How much a module and what it imports is in a page, in bytes. */
export async function bundledSize(code: string, folder: string): Promise<{ minified: number; compressed: number }> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  return { minified: bytes.length, compressed: gzipSync(bytes, { level: 9 }).length };
}
