import { spawn } from 'node:child_process';
import { chmodSync, cpSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { folder, write } from './folder.ts';

const ROOT = join(import.meta.dirname, '..');

/** Ends as a tool does that takes Ctrl-C for its own failure, and says that it is there. */
const TOOL = `#!/bin/sh
trap 'exit 1' INT TERM
echo ready
while :; do sleep 0.05; done
`;

test.skipIf(process.platform === 'win32').each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a gate that is interrupted by %s says so, claims no failure, and ends with %i', async (signal, status) => {
  const root = folder({});
  cpSync(join(ROOT, 'scripts'), join(root, 'scripts'), { recursive: true });
  // Only the gate itself is under test, so nothing is to be installed.
  write(root, {
    'scripts/install.mjs': 'export async function ensureInstalled() {}',
    'scripts/debian.mjs': 'export async function ensurePrograms() { return []; }',
    'scripts/later-debian.mjs': 'export async function ensureLater() { return []; }',
    'scripts/runtimes.mjs': 'export async function ensureRuntimes() { return []; }',
    'node_modules/.bin/oxfmt': TOOL,
  });
  chmodSync(join(root, 'node_modules/.bin/oxfmt'), 0o755);
  const gate = spawn(process.execPath, ['scripts/test.mjs'], { cwd: root });
  onTestFinished(() => void gate.kill('SIGKILL'));
  gate.stdout.on('data', (part) => {
    if (String(part).includes('ready')) gate.kill(signal);
  });
  const [stdout, stderr, [code]] = await Promise.all([text(gate.stdout), text(gate.stderr), once(gate, 'exit')]);
  expect(stderr).toBe(`\nInterrupted by ${signal}. Run \`npm test\` to begin again.\n`);
  expect(stdout).not.toMatch(/failed|stopped/);
  expect(code).toBe(status);
});

test.skipIf(process.platform === 'win32').each([
  ['a CI fails before it tests anything', 'true'],
  ['another machine goes on, and says what it leaves out', ''],
] as const)('where a program or a runtime is missing, %s', async (_, ci) => {
  const root = folder({});
  cpSync(join(ROOT, 'scripts'), join(root, 'scripts'), { recursive: true });
  write(root, {
    'scripts/install.mjs': 'export async function ensureInstalled() {}',
    'scripts/debian.mjs': 'export async function ensurePrograms() { return ["nginx"]; }',
    'scripts/later-debian.mjs': 'export async function ensureLater() { return ["nats-server-newest"]; }',
    'scripts/runtimes.mjs': 'export async function ensureRuntimes() { return ["bun", "deno"]; }',
    'node_modules/.bin/oxfmt': '#!/bin/sh\necho "left out: $TIDINGS_MISSING"\nexit 1\n',
  });
  chmodSync(join(root, 'node_modules/.bin/oxfmt'), 0o755);
  const env = { ...process.env, CI: ci, TIDINGS_MISSING: '' };
  const gate = spawn(process.execPath, ['scripts/test.mjs'], { cwd: root, env });
  const [stdout, stderr] = await Promise.all([text(gate.stdout), text(gate.stderr), once(gate, 'exit')]);
  expect(stdout).toContain('Missing on this machine: nginx, nats-server-newest, bun, deno.');
  // The first step is where it ends here.
  expect(stdout.includes('left out: nginx,nats-server-newest,bun,deno')).toBe(ci === '');
  expect(stderr.includes('The gate needs nginx, nats-server-newest, bun, deno here')).toBe(ci === 'true');
  expect(gate.exitCode).toBe(1);
});
