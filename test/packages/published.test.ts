import { execFile, type ExecFileOptions } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishedFolders } from '../../scripts/metadata.ts';
import { outsideEnvironment } from '../../scripts/paths.mjs';
import { write } from '../folder.ts';
import { program } from '../program.ts';
import { runtimes } from '../runtimes.ts';

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

const place = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-packages-')));
const consumer = join(place, 'consumer');

/** The commands of the README that pack the packages and install them in a project. */
const COMMANDS = program('README.md', 'sh', 'npm pack').replaceAll('../my-project', consumer);

beforeAll(async () => {
  write(consumer, {
    'package.json': { name: 'consumer', private: true, type: 'module' },
    'import.js': IMPORT_ALL,
  });
  await exec('sh', ['-e', '-c', COMMANDS], { cwd: ROOT, env: npmEnvironment() });
}, 180_000);

afterAll(() => rmSync(place, { recursive: true, force: true }));

describe.each(PUBLISHED)('the tarball of packages/%s', (folder) => {
  test('holds a README, the license, what runs, and what that was made of', async () => {
    const files = await filesOf(folder);
    expect(files).toContain('README.md');
    expect(files).toContain('LICENSE');
    expect(files.filter((path) => !/^((dist|src|bin)\/|README\.md$|LICENSE$|package\.json$)/.test(path))).toEqual([]);
    expect(files.filter((path) => /(^|\/)(test|fixtures)\/|\.test\.|tsbuildinfo/.test(path))).toEqual([]);
  });

  test('holds every source that its maps lead to, and maps to all it compiled', async () => {
    const files = await filesOf(folder);
    const maps = files.filter((name) => name.endsWith('.map'));
    const compiled = files.filter((name) => /^dist\/.*\.(js|d\.ts)$/.test(name));
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

test.each(WITH_ENTRIES)('the types of packages/%s resolve wherever ESM does', async (folder) => {
  // The profile leaves out CommonJS. Where there is another problem, the command fails.
  expect(await tool('attw', tarball(folder), '--profile', 'esm-only', '--quiet')).toBe('');
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

  test('type-checks on Node', async () => {
    expect(await typeCheck(ENTRIES, { module: 'NodeNext', types: ['node'] })).toBe('');
  });

  test('type-checks a server without the types of browsers', async () => {
    const options = { module: 'NodeNext', lib: ['ES2023', 'ESNext.Disposable'], types: ['node'] };
    // The client is left out: EventSource is made of what the types of browsers name.
    const imports = ENTRIES.filter((entry) => !entry.startsWith('@tidings/client'));
    expect(await typeCheck(imports, options)).toBe('');
  });

  test('type-checks with a bundler, without the types of Node', async () => {
    const lib = ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable', 'ESNext.Disposable'];
    const options = { module: 'ESNext', moduleResolution: 'bundler', lib, types: [] };
    expect(await typeCheck(['@tidings/wire', '@tidings/client', '@tidings/server'], options)).toBe('');
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

/** What the compiler says about a program that imports these entries, and about their declarations. */
function typeCheck(imports: readonly string[], options: Readonly<Record<string, unknown>>): Promise<string> {
  const lines = imports.map((entry, index) => `import * as entry${index} from '${entry}';`);
  const uses = imports.map((_, index) => `entry${index}`).join(', ');
  write(consumer, {
    'program.ts': `${lines.join('\n')}\nexport const entries: unknown[] = [${uses}];\n`,
    'tsconfig.json': {
      compilerOptions: {
        target: 'ES2023',
        strict: true,
        noEmit: true,
        typeRoots: [join(ROOT, 'node_modules', '@types')],
        ...options,
      },
      files: ['program.ts'],
    },
  });
  return tool('tsc', '--project', join(consumer, 'tsconfig.json'));
}

/** The environment of a person at a shell, whose npm takes what it has from its cache. */
function npmEnvironment(): NodeJS.ProcessEnv {
  // An npm that runs this test has put into the environment what names another project.
  const all = Object.entries(outsideEnvironment());
  const own = all.filter(([name]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(name));
  return {
    ...Object.fromEntries(own),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

function tool(name: string, ...args: readonly string[]): Promise<string> {
  return exec(join(ROOT, 'node_modules', '.bin', name), args, { cwd: consumer });
}

/** Runs a program and returns its standard output. Where it fails, the error holds all that it wrote. */
function exec(file: string, args: readonly string[], options: ExecFileOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${file} failed:\n${stdout}${stderr}`));
    });
  });
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
