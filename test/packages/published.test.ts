import { execFile, type ExecFileOptions } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOnMachine, outsideEnvironment } from '../../scripts/paths.mjs';
import { write } from '../folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PUBLISHED = ['wire', 'client', 'server', 'hub', 'cli'];
const ENTRIES = PUBLISHED.flatMap((folder) => entries(folder));
const WITH_ENTRIES = PUBLISHED.filter((folder) => entries(folder).length > 0);
const IMPORT_ALL = `
const counts = {};
for (const entry of ${JSON.stringify(ENTRIES)}) counts[entry] = Object.keys(await import(entry)).length;
console.log(JSON.stringify(counts));
`;
const NODE_20 = '20.20.2';

interface Tarball {
  readonly path: string;
  readonly files: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
}

const place = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-packages-')));
const consumer = join(place, 'consumer');
const tarballs = new Map<string, Tarball>();

beforeAll(async () => {
  for (const folder of PUBLISHED) tarballs.set(folder, await pack(folder));
  write(consumer, {
    'package.json': { name: 'consumer', private: true, type: 'module' },
    'import.js': IMPORT_ALL,
  });
  await install(consumer, ...[...tarballs.values()].map(({ path }) => path));
}, 180_000);

afterAll(() => rmSync(place, { recursive: true, force: true }));

describe.each(PUBLISHED)('the tarball of packages/%s', (folder) => {
  test('holds a README, the license and no more than what runs', () => {
    const { files } = tarballs.get(folder)!;
    expect(files).toContain('README.md');
    expect(files).toContain('LICENSE');
    expect(files.filter((path) => !/^((dist|bin)\/|README\.md$|LICENSE$|package\.json$)/.test(path))).toEqual([]);
    expect(files.filter((path) => /(^|\/)(test|fixtures)\/|\.test\.|tsbuildinfo/.test(path))).toEqual([]);
  });

  test('holds the license of the workshop', () => {
    expect(readFileSync(join(ROOT, 'packages', folder, 'LICENSE'), 'utf8')).toBe(
      readFileSync(join(ROOT, 'LICENSE'), 'utf8'),
    );
  });

  test('is without fault to publint', async () => {
    const tarball = await readFile(tarballs.get(folder)!.path);
    const { messages, pkg } = await publint({ strict: true, pack: { tarball: arrayBuffer(tarball) } });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });
});

test.each(WITH_ENTRIES)('the types of packages/%s resolve wherever ESM does', async (folder) => {
  // The profile leaves out CommonJS. Where there is another problem, the command fails.
  expect(await tool('attw', tarballs.get(folder)!.path, '--profile', 'esm-only', '--quiet')).toBe('');
});

/** Entries that are imported for what they do: they export nothing. */
const FOR_THEIR_EFFECT = ['@tidings/client/polyfill'];

describe('a project that installs the packages', () => {
  test('imports every entry on the Node of the workshop', async () => {
    expect(await emptyEntries(process.execPath)).toEqual(FOR_THEIR_EFFECT);
  });

  test('imports every entry on Node 20', async () => {
    expect(await emptyEntries(await node20())).toEqual(FOR_THEIR_EFFECT);
  }, 120_000);

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

/** The names by which the entries of a package are imported. */
function entries(folder: string): string[] {
  const { name, exports } = JSON.parse(
    readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8'),
  ) as Manifest;
  const subpaths = Object.keys(exports ?? {}).filter((subpath) => subpath !== './package.json');
  return subpaths.map((subpath) => name + subpath.slice(1));
}

/** Imports every entry and returns those that export nothing. */
async function emptyEntries(node: string): Promise<string[]> {
  const stdout = await exec(node, ['import.js'], { cwd: consumer });
  const counts = JSON.parse(stdout) as Record<string, number>;
  return ENTRIES.filter((entry) => counts[entry] === 0);
}

async function pack(folder: string): Promise<Tarball> {
  const stdout = await npm(join(ROOT, 'packages', folder), 'pack', '--json', '--pack-destination', place);
  const [report] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { path: join(place, report.filename), files: report.files.map(({ path }) => path) };
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

/** The machine's Node where it is a 20, otherwise one from npm. */
async function node20(): Promise<string> {
  const own = findOnMachine(['node']);
  if (own !== undefined && (await exec(own, ['--version'], {})).startsWith('v20.')) return own;
  const home = join(place, 'node-20');
  write(home, { 'package.json': { private: true, allowScripts: { node: true } } });
  await install(home, `node@${NODE_20}`);
  return join(home, 'node_modules', '.bin', 'node');
}

async function install(directory: string, ...packages: readonly string[]): Promise<void> {
  await npm(directory, 'install', '--prefer-offline', '--no-audit', '--no-fund', ...packages);
}

function npm(cwd: string, ...args: readonly string[]): Promise<string> {
  // An npm that runs this test has put into the environment what names another project.
  const all = Object.entries(outsideEnvironment());
  const env = Object.fromEntries(all.filter(([name]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(name)));
  return exec('npm', args, { cwd, env });
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
