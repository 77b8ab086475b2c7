/// <reference types="node" />
// Bundles the hub's page into one file, dist/page.html, that loads nothing from anywhere.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** @param {string} path */
const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));

try {
  const script = await bundle('src/main.tsx');
  const style = await bundle('src/style/page.css');
  const icon = await readFile(fromHere('src/icon.svg'), 'utf8');
  await mkdir(fromHere('dist'), { recursive: true });
  await writeFile(fromHere('dist/page.html'), page(script, style, icon));
} catch (error) {
  process.stderr.write(`could not build the hub's page: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/**
 * Bundles what can be reached from one file of this package to a minified text that can stand in HTML.
 *
 * @param {string} entry
 */
async function bundle(entry) {
  const result = await build({
    entryPoints: [fromHere(entry)],
    tsconfig: fromHere('tsconfig.json'),
    bundle: true,
    minify: true,
    write: false,
    charset: 'utf8',
    legalComments: 'none',
    target: ['chrome120', 'firefox121', 'safari17.4'],
    format: 'esm',
    logLevel: 'silent',
  });
  const text = result.outputFiles.map((file) => file.text.trim()).join('');
  if (/<\/(?:script|style)|<!--/i.test(text)) {
    throw new Error(`the bundle of ${entry} holds text that would end its element in HTML`);
  }
  return text;
}

/**
 * The page allows itself its own script and style by their hashes and requests to its own hub, and nothing else: what a
 * publisher sends can neither run nor call home.
 *
 * @param {string} script
 * @param {string} style
 * @param {string} icon
 */
function page(script, style, icon) {
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Tidings</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon.trim())}">
<style>${style}</style>
</head>
<body>
<noscript>This page needs JavaScript. The hub itself does not: listen with curl -N.</noscript>
<script type="module">${script}</script>
</body>
</html>
`;
}

/**
 * A source expression of CSP for an inline element with this text.
 *
 * @param {string} text
 */
function hash(text) {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
