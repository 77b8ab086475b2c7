import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishedFolders } from '../../scripts/metadata.ts';
import { runtimes } from '../runtimes.ts';
import { exec, Project } from './project.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PUBLISHED = publishedFolders(ROOT);
const ENTRIES = PUBLISHED.flatMap((folder) => entries(folder));
const WITH_ENTRIES = PUBLISHED.filter((folder) => entries(folder).length > 0);
const IMPORT_ALL = `
const counts = {};
for (const entry of ${JSON.stringify(ENTRIES)}) counts[entry] = Object.keys(await import(entry)).length;
console.log(JSON.stringify(counts));
`;
const NODE_20 = runtimes.find(({ name }) => name === 'node20')!;

interface SourceMap {
  readonly sourceRoot?: string;
  readonly sources: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
}

const project = new Project({ 'import.js': IMPORT_ALL });
const consumer = project.folder;

beforeAll(() => project.install(), 180_000);
afterAll(() => project[Symbol.dispose]());

describe.each(PUBLISHED)('the tarball of packages/%s', (folder) => {
  test('holds a README, the license, what runs, and what that was made of', async () => {
    const files = await filesOf(folder);
    expect(files).toContain('README.md');
    expect(files).toContain('LICENSE');
    expect(
      files.filter(
        (path) => !/^((dist|src|bin)\/|README\.md$|LICENSE$|((polyfill|publisher)\/)?package\.json$)/.test(path),
      ),
    ).toEqual([]);
    expect(files.filter((path) => /(^|\/)(test|fixtures)\/|\.test\.|tsbuildinfo/.test(path))).toEqual([]);
  });

  test('holds every source that its maps lead to, and maps to all it compiled', async () => {
    const files = await filesOf(folder);
    const maps = files.filter((name) => name.endsWith('.map'));
    // What is bundled for old tools has no map.
    const compiled = files.filter((name) => /^dist\/(?!bundled\/).*\.(js|d\.ts)$/.test(name));
    expect(maps).toEqual(compiled.map((name) => `${name}.map`));
    const missing = maps.flatMap((name) => {
      const { sourceRoot, sources } = JSON.parse(readFileSync(join(installed(folder), name), 'utf8')) as SourceMap;
      const leadTo = sources.map((source) => posix.join(posix.dirname(name), sourceRoot ?? '', source));
      return leadTo.filter((source) => !files.includes(source)).map((source) => `${name}: ${source}`);
    });
    expect(missing).toEqual([]);
  });

  test('holds the license of the workshop', () => {
    expect(readFileSync(join(ROOT, 'packages', folder, 'LICENSE'), 'utf8')).toBe(
      readFileSync(join(ROOT, 'LICENSE'), 'utf8'),
    );
  });

  test('is without fault to publint', async () => {
    const bytes = await readFile(tarball(folder));
    const { messages, pkg } = await publint({ strict: true, pack: { tarball: arrayBuffer(bytes) } });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });
});

test.each(WITH_ENTRIES)('the types of packages/%s resolve for every compiler and every setting', async (folder) => {
  // A `require` gets a module of ESM, which Node allows from 20.19 and 22.12 on. Where there is another problem, the command fails. `internal` is for the client alone.
  expect(
    await tool(
      'attw',
      tarball(folder),
      '--ignore-rules',
      'cjs-resolves-to-esm',
      '--exclude-entrypoints',
      './internal',
      '--quiet',
    ),
  ).toBe('');
});

/** Entries that are imported for what they do: they export nothing. */
const FOR_THEIR_EFFECT = ['@tidings/client/polyfill'];

describe('a project that installs the packages', () => {
  test('imports every entry on the Node of the workshop', async () => {
    expect(await emptyEntries(process.execPath)).toEqual(FOR_THEIR_EFFECT);
  });

  test.skipIf(NODE_20.missing)('imports every entry on Node 20', async () => {
    expect(await emptyEntries(NODE_20.path)).toEqual(FOR_THEIR_EFFECT);
  });

  test('has the command', async () => {
    const stdout = await exec(join(consumer, 'node_modules', '.bin', 'tidings'), ['--help'], { cwd: consumer });
    expect(stdout).toContain('tidings serve');
  });
});

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')) as Manifest;
}

/** The names by which the entries of a package are imported. */
function entries(folder: string): string[] {
  const { name, exports } = manifest(folder);
  const subpaths = Object.keys(exports ?? {}).filter((subpath) => subpath !== './package.json');
  return subpaths.map((subpath) => name + subpath.slice(1));
}

/** Imports every entry and returns those that export nothing. */
async function emptyEntries(node: string): Promise<string[]> {
  const stdout = await exec(node, ['import.js'], { cwd: consumer });
  const counts = JSON.parse(stdout) as Record<string, number>;
  return ENTRIES.filter((entry) => counts[entry] === 0);
}

/** Where the tarball of a package is. */
function tarball(folder: string): string {
  const { name, version } = manifest(folder);
  return join(consumer, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
}

/** The files in the tarball of a package. */
async function filesOf(folder: string): Promise<string[]> {
  const list = await exec('tar', ['--list', '--gzip', '--file', tarball(folder)], {});
  return list
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''))
    .toSorted();
}

/** Where the tarball of a package has been installed. */
function installed(folder: string): string {
  return join(consumer, 'node_modules', manifest(folder).name);
}

function tool(name: string, ...args: readonly string[]): Promise<string> {
  return exec(join(ROOT, 'node_modules', '.bin', name), args, { cwd: consumer });
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
