import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { run } from './command.ts';

test.each([
  { args: ['--help'], parts: ['serve', 'publish', 'listen', 'Exit codes'] },
  { args: [], parts: ['serve', 'publish', 'listen', 'Exit codes'] },
  { args: ['help', 'serve'], parts: ['--port', '4000', '--data', '.tidings', '7d', '1GiB', 'TIDINGS_KEY'] },
  { args: ['serve', '--help'], parts: ['--memory', '--anonymous', '--cors-origin'] },
  { args: ['publish', '--help'], parts: ['--type', '--id', '--format', '--hub', 'TIDINGS_HUB', 'tail -F'] },
  { args: ['listen', '--help'], parts: ['--since', '--last', '--json', '--match-urlpattern', 'earliest'] },
])('help of $args has options and examples, within 80 columns but for the examples', async ({ args, parts }) => {
  const { code, stdout, stderr } = await run(args);
  for (const part of ['Examples:\n  tidings', ...parts].slice(args[0] === 'help' ? 1 : 0))
    expect(stdout).toContain(part);
  const [options = '', examples = ''] = stdout.split('Examples:');
  expect(Math.max(...options.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(examples).toContain('tidings');
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('help of a command that there is not fails', async () => {
  const { code, stderr } = await run(['help', 'nothing']);
  expect(stderr).toContain('there is no such command');
  expect(code).toBe(2);
});
