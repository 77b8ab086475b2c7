// Checks every client and writes the tables of docs/comparison.md: `npx node docs/checks/run.ts`, about six minutes.
// `npx node docs/checks/run.ts WORD` checks the rows that have the word in their title, and only prints them.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLIENTS } from './clients.ts';
import { ROOT, table, versionOf, writePage } from './page.ts';
import { SECTIONS } from './sections.ts';
import { bundledSize } from './size.ts';

type Found = Readonly<Record<string, string | undefined>>;

const OURS = '@tidings/client';

const word = process.argv[2];
const results = new Map(await Promise.all(CLIENTS.map(async ({ title }) => [title, await check(title)] as const)));
const report = [heading(), ...tables(), ...(word === undefined ? [await sizes()] : [])].join('\n\n');
if (word === undefined) writePage('docs/comparison.md', 'docs/checks/run.ts', report);
else process.stdout.write(`${report}\n`);

async function check(title: string): Promise<Found> {
  const args = [join(import.meta.dirname, 'check-client.ts'), title, ...(word === undefined ? [] : [word])];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  process.stderr.write(stderr);
  return JSON.parse(stdout) as Found;
}

function heading(): string {
  const versions = new Map(CLIENTS.map(({ name }) => [name, versionOf(name)]));
  const list = [...versions].map(([name, version]) => `${name} ${version}`).join(', ');
  return `Found on ${new Date().toISOString().slice(0, 10)} with Node ${process.versions.node}: ${list}.`;
}

function tables(): string[] {
  return SECTIONS.flatMap(({ title, rows, parsers }) => {
    const clients = CLIENTS.filter(({ kind }) => parsers || kind === 'client');
    const lines = rows
      .filter((row) => clients.some((client) => row.title in (results.get(client.title) ?? {})))
      .map((row) => [row.title, ...clients.map((client) => results.get(client.title)?.[row.title] ?? '–')]);
    if (lines.length === 0) return [];
    return [`## ${title}`, table(['', ...clients.map((client) => client.title)], lines)];
  });
}

async function sizes(): Promise<string> {
  const lines: string[][] = [];
  for (const { title, name, bundle } of CLIENTS) {
    if (bundle === undefined) continue;
    const { minified, compressed } = await bundledSize(bundle, ROOT);
    const label = name === OURS ? `${title} of ${name}` : name;
    lines.push([label, minified.toLocaleString('en'), compressed.toLocaleString('en')]);
  }
  return `## Size in a page\n\n${table(['', 'minified, bytes', 'and with gzip'], lines)}`;
}
