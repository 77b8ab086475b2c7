import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureInstalled } from '../../scripts/install.mjs';
import { program } from '../program.ts';
import { runtimes } from '../runtimes.ts';
import { exec, Project } from './project.ts';

const TOOLS = join(import.meta.dirname, 'tools');
const JEST = join(TOOLS, 'node_modules', 'jest', 'bin', 'jest.js');
const PAGE = 'docs/jest.md';

/** A program in CommonJS. It prints what it was given. */
const REQUIRING = `
const { EventSource, subscribe } = require('@tidings/client');
const { encodeEvent } = require('@tidings/wire');
const { Channel } = require('@tidings/server');
const { respond } = require('@tidings/server/node');
const { Hub } = require('@tidings/hub');
const { LmdbLog } = require('@tidings/lmdb');
const { PostgresLog } = require('@tidings/postgres');
const { NatsLog } = require('@tidings/nats');
const all = [EventSource, subscribe, encodeEvent, Channel, respond, Hub, LmdbLog, PostgresLog, NatsLog];
console.log(all.map(({ name }) => name).join(' '));
`;

const NODES = runtimes.filter(({ kind }) => kind === 'node');

const project = new Project({ 'requiring.cjs': REQUIRING });

beforeAll(async () => {
  await Promise.all([project.install(), ensureInstalled(TOOLS)]);
  project.link('jest-environment-jsdom', TOOLS);
  project.link('@babel', TOOLS);
}, 240_000);

afterAll(() => project[Symbol.dispose]());

describe('CommonJS', () => {
  test.each(NODES)('requires the packages on $title', async ({ path, missing }) => {
    if (missing) return;
    const printed = await exec(path, ['requiring.cjs'], { cwd: project.folder });
    expect(printed).toBe('EventSource subscribe encodeEvent Channel respond Hub LmdbLog PostgresLog NatsLog\n');
  });
});

describe('Jest, as docs/jest.md says', { timeout: 120_000 }, () => {
  test('runs tests that are modules', async () => {
    const files = { 'listen.test.js': program(PAGE, 'js', '// listen.test.js') };
    expect(await jest(files, ['--experimental-vm-modules'])).toContain('1 passed');
  });

  test('runs tests of a page in jsdom', async () => {
    const files = {
      'page.test.js': program(PAGE, 'js', '// page.test.js'),
      'page-environment.js': program(PAGE, 'js', '// page-environment.js'),
    };
    expect(await jest(files, ['--experimental-vm-modules'])).toContain('1 passed');
  });

  test('runs tests that are CommonJS', async () => {
    const files = {
      'package.json': { type: 'commonjs' },
      'listen.test.js': program(PAGE, 'js', '// listen.test.js'),
      'jest.config.json': program(PAGE, 'json', 'transformIgnorePatterns'),
      'babel.config.json': program(PAGE, 'json', 'plugins'),
    };
    expect(await jest(files, [])).toContain('1 passed');
  });
});

/** Runs Jest in a folder of its own within the project, and returns what it reports. */
async function jest(files: Record<string, unknown>, flags: readonly string[]): Promise<string> {
  const folder = join(project.folder, 'tests');
  rmSync(folder, { recursive: true, force: true });
  const all = { 'package.json': { type: 'module' }, 'jest.config.json': {}, ...files };
  project.write(Object.fromEntries(Object.entries(all).map(([name, content]) => [`tests/${name}`, content])));
  // Jest writes its report where errors go.
  const line = `"$0" ${flags.join(' ')} "${JEST}" 2>&1`;
  return exec('sh', ['-c', line, process.execPath], { cwd: folder, timeout: 100_000 });
}
