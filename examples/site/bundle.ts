import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';

const ICON = new URL('../page/icon.svg', import.meta.url);
const STYLE_TAG = /<link rel="stylesheet" href="([^"]+)" \/>/;
const SCRIPT_TAG = /<script type="module" src="([^"]+)"><\/script>/;

/**
 * A page as one text: the style and the script that its HTML names, bundled with all that they import, stand in it. So a page
 * can be served at any path.
 *
 * @param file the HTML file
 * @param base the path against which the page's links and streams are resolved, such as `/clock/`
 */
export async function bundlePage(file: string, base: string): Promise<string> {
  const html = await readFile(file, 'utf8');
  const icon = await readFile(ICON, 'utf8');
  const style = await bundle(named(html, STYLE_TAG, file));
  const script = await bundle(named(html, SCRIPT_TAG, file));
  const head = `<base href="${base}" />\n<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon.trim())}" />`;
  // Functions, because in a text `$&` would be replaced.
  return html
    .replace('<head>', () => `<head>\n${head}`)
    .replace(STYLE_TAG, () => `<style>\n${style}</style>`)
    .replace(SCRIPT_TAG, () => `<script type="module">\n${script}</script>`);
}

function named(html: string, tag: RegExp, file: string): string {
  const path = tag.exec(html)?.[1];
  if (path === undefined) throw new Error(`Cannot bundle ${file}: found no ${tag.source} in it`);
  return resolve(dirname(file), path);
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    charset: 'utf8',
    format: 'esm',
    jsx: 'automatic',
    // React is several times smaller for it.
    define: { 'process.env.NODE_ENV': '"production"' },
    minify: entry.endsWith('.tsx'),
    platform: 'browser',
    target: ['chrome120', 'firefox121', 'safari17.4'],
    logLevel: 'silent',
  });
  const text = outputFiles.map((output) => output.text).join('');
  if (/<\/(?:script|style)|<!--/i.test(text)) {
    throw new Error(`The bundle of ${entry} holds text that would end its element in HTML`);
  }
  return text;
}
