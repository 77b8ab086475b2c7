import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder, write } from './folder.ts';

const ROOT = join(import.meta.dirname, '..');

/** A command that says what it was given and then waits for a signal. */
const COMMAND = `
process.on('SIGTERM', () => process.exit(7));
console.log(process.argv.slice(2).join(' '));
setInterval(() => {}, 1000);
`;

describe('npm start', () => {
  test('builds at the first start and not at the second', async () => {
    const root = workshop();
    expect((await start(root)).stderr).toContain('Building the packages');
    expect((await start(root)).stderr).toBe('');
  });

  test('builds again when a source has changed', async () => {
    const root = workshop();
    await start(root);
    write(root, { 'packages/cli/src/main.ts': 'changed' });
    expect((await start(root)).stderr).toContain('Building the packages');
  });

  test('leaves nothing behind of a source that is gone, and all else as it is', async () => {
    const root = workshop();
    const old = ['old.js', 'old.js.map', 'old.d.ts', 'old.d.ts.map', 'http/old.js'];
    const kept = ['page.html', 'view.js', '.tsbuildinfo'];
    write(root, {
      'packages/cli/src/view.tsx': '',
      ...Object.fromEntries([...old, ...kept].map((name) => [`packages/cli/dist/${name}`, ''])),
    });
    await start(root);
    const dist = readdirSync(join(root, 'packages/cli/dist'), { recursive: true, encoding: 'utf8' });
    expect(new Set(dist)).toEqual(new Set([...kept, 'http', 'main.js']));
  });

  test('passes on its arguments, signals and the exit code, through npm too', async () => {
    const npm = spawn('npm', ['start', '--silent', '--', '--port', '5000'], { cwd: workshop() });
    const { stdout, code } = await end(npm);
    expect(stdout).toBe('serve --port 5000\n');
    expect(code).toBe(7);
  });

  test('shows why the build failed and what to do', async () => {
    const root = workshop();
    tool(root, 'tsc', 'echo "main.ts(1,1): error" && exit 2');
    const { stdout, stderr, code } = await start(root);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('main.ts(1,1): error');
    expect(stderr).toContain('then run `npm start` again.');
  });

  test('installs when the lock file asks for more than is there, and tells why that failed', async () => {
    const root = workshop();
    write(root, {
      'package-lock.json': { packages: { 'node_modules/lmdb': { version: '3.0.0' } } },
      'npm-cli.js': `console.error('npm error', process.argv[2], 'ENOTFOUND'); process.exit(1);`,
    });
    const { stderr, code } = await start(root);
    expect(code).toBe(1);
    expect(stderr).toContain('npm error ci ENOTFOUND');
    expect(stderr).toContain('make sure that the npm registry can be reached, then run `npm start` again.');
  });

  test('serves a hub, whose URL is in the first line on standard output', async () => {
    const hub = run(ROOT, '--port', '0', '--memory');
    const url = /http:\/\/\S+?(?=[/\s]|$)/.exec(await firstLine(hub))?.[0];
    const response = await fetch(`${url}/healthz`);
    expect(response.status).toBe(200);
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });
});

/** A workshop whose compiler writes a command that says what it was given. */
function workshop(): string {
  const root = folder({
    'package.json': readFileSync(join(ROOT, 'package.json'), 'utf8'),
    'package-lock.json': { packages: {} },
    'node_modules/.package-lock.json': { packages: {} },
    'tsconfig.base.json': '{}',
    'packages/cli/src/main.ts': COMMAND,
    'packages/wire/build.mjs': '',
    'packages/client/build.mjs': '',
    'packages/cli/build.mjs': '',
    'packages/ui/build.mjs': '',
  });
  cpSync(join(ROOT, 'scripts'), join(root, 'scripts'), { recursive: true });
  write(root, { 'packages/cli/package.json': { type: 'module' }, 'command.js': COMMAND });
  tool(root, 'tsc', 'mkdir -p packages/cli/dist && cp command.js packages/cli/dist/main.js');
  return root;
}

/** Puts a tool, as a line of shell, where the tools of a workshop are. */
function tool(root: string, name: string, line: string): void {
  const path = join('node_modules', '.bin', name);
  write(root, { [path]: `#!/bin/sh\n${line}\n` });
  chmodSync(join(root, path), 0o755);
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

function start(root: string): Promise<Ended> {
  return end(run(root));
}

/** Ends a process with SIGTERM as soon as there is a line on its standard output. */
async function end(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const exit = new Promise<number | null>((resolve) => void child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { stdout, stderr, code };
}

async function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  let output = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    if (output.includes('\n')) break;
  }
  return output.split('\n', 1)[0]!;
}

function run(root: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, npm_execpath: join(root, 'npm-cli.js'), npm_node_execpath: process.execPath };
  const child = spawn(process.execPath, ['scripts/start.mjs', ...args], { cwd: root, env });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
