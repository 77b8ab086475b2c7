import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureInstalled } from '../../scripts/install.mjs';
import { exec, Project } from './project.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TOOLS = join(import.meta.dirname, 'tools');

type Settings = Readonly<Record<string, unknown>>;

interface Job {
  readonly name: string;
  readonly options: Settings;
  readonly files: readonly string[];
}

/** What a program is compiled with by those who want to know everything. */
const STRICT: Settings = {
  target: 'es2022',
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  noPropertyAccessFromIndexSignature: true,
  noUncheckedSideEffectImports: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  declaration: true,
  isolatedDeclarations: true,
  skipLibCheck: false,
};

/** Options that the older ones of the compilers do not know. */
const SINCE: Readonly<Record<string, string>> = { isolatedDeclarations: '5.5', noUncheckedSideEffectImports: '5.6' };

const NODENEXT = { module: 'nodenext', moduleResolution: 'nodenext', types: ['node'] };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler', types: [] };

const JOBS: readonly Job[] = [
  { name: 'Node', options: { ...NODENEXT, lib: ['es2023'] }, files: ['node.ts', 'anywhere.ts'] },
  { name: 'Node, DOM', options: { ...NODENEXT, lib: ['es2023', 'dom'] }, files: ['node.ts', 'anywhere.ts'] },
  {
    name: 'node16, DOM',
    options: { module: 'node16', moduleResolution: 'node16', types: ['node'], lib: ['esnext', 'dom', 'dom.iterable'] },
    files: ['node.ts', 'anywhere.ts', 'browser.ts'],
  },
  { name: 'bundler, DOM', options: { ...BUNDLER, lib: ['es2022', 'dom'] }, files: ['anywhere.ts', 'browser.ts'] },
  { name: 'bundler, worker', options: { ...BUNDLER, lib: ['es2022', 'webworker'] }, files: ['anywhere.ts'] },
  { name: 'bundler, the language alone', options: { ...BUNDLER, lib: ['es2022'] }, files: ['anywhere.ts'] },
];

/** The resolution that knows no `exports`. */
const NODE10: Job = {
  name: 'node10',
  options: {
    module: 'commonjs',
    moduleResolution: 'node10',
    verbatimModuleSyntax: false,
    esModuleInterop: true,
    types: ['node'],
    lib: ['es2023', 'dom'],
  },
  files: ['node.ts', 'anywhere.ts', 'browser.ts'],
};

/** CommonJS that requires a module of ESM, as Node allows it: TypeScript does from 5.8 on, with `nodenext`. */
const COMMONJS: Job = {
  name: 'CommonJS',
  options: { ...NODENEXT, verbatimModuleSyntax: false, lib: ['es2023'] },
  files: ['required.cts'],
};

const REQUIRED = `import { subscribe } from '@tidings/client';
import hub = require('@tidings/hub');
export const items: readonly unknown[] = [subscribe, hub.Hub];
`;

const project = new Project({ 'required.cts': REQUIRED });

beforeAll(async () => {
  await Promise.all([project.install(), ensureInstalled(TOOLS)]);
  for (const name of ['@types', 'undici-types', 'undici']) project.link(name, TOOLS);
  for (const name of ['node', 'browser', 'anywhere']) {
    project.write({ [`${name}.ts`]: readFileSync(join(import.meta.dirname, 'programs', `${name}.ts`), 'utf8') });
  }
}, 240_000);

afterAll(() => project[Symbol.dispose]());

describe.each([
  { version: '5.4', jobs: [...JOBS, NODE10] },
  { version: '5.9', jobs: [...JOBS, NODE10, COMMONJS] },
  { version: '6.0', jobs: [...JOBS, withOptions(NODE10, { ignoreDeprecations: '6.0' }), COMMONJS] },
])('TypeScript $version', ({ version, jobs }) => {
  test('finds nothing wrong with the types, nor one that is any', async () => {
    const ofVersion = jobs.map((job) => withOptions(job, optionsOf(version)));
    const input = JSON.stringify({ compiler: join(TOOLS, 'node_modules', `typescript-${version}`), jobs: ofVersion });
    const script = join(import.meta.dirname, 'compile.mjs');
    const found = await exec(process.execPath, [script], { cwd: project.folder }, input);
    expect(JSON.parse(found)).toEqual(Object.fromEntries(jobs.map(({ name }) => [name, []])));
  });
});

describe('TypeScript 7', () => {
  test.each([...JOBS, COMMONJS])('finds nothing wrong with the types: $name', async ({ options, files }) => {
    project.write({ 'tsconfig.json': { compilerOptions: { ...STRICT, ...options }, files } });
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
    expect(await exec(tsc, ['--project', project.folder], { cwd: project.folder })).toBe('');
  });
});

function withOptions(job: Job, options: Settings): Job {
  return { ...job, options: { ...options, ...job.options } };
}

/** The strict options that a version knows. */
function optionsOf(version: string): Settings {
  const isOlder = (since: string | undefined): boolean => since !== undefined && Number(version) < Number(since);
  return Object.fromEntries(Object.entries(STRICT).filter(([name]) => !isOlder(SINCE[name])));
}
