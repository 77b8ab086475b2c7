import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { run } from './command.ts';

test.each([
  { args: [], parts: ['serve', 'publish', 'listen', 'topics', 'Exit codes'] },
  {
    args: ['topics', '--help'],
    parts: ['list', 'show', 'listeners', 'create', 'lease', 'release', 'delete', '--ttl 24h'],
  },
  {
    args: ['serve', '--help'],
    parts: [
      '--port',
      '4000',
      '--data',
      '.tidings',
      '--memory',
      '--log <url>',
      '--anonymous',
      '7d',
      '1GiB',
      'TIDINGS_KEY',
      '--retain <pattern=bounds>',
      'keep:latest',
    ],
  },
  {
    args: ['publish', '--help'],
    parts: [
      '--type',
      '--id',
      '--latest-key',
      '--forget',
      '--format',
      'ndjson',
      '--private',
      '--token',
      '--close',
      '--hub',
      'TIDINGS_HUB',
      'tail -F',
    ],
  },
  { args: ['listen', '--help'], parts: ['--since', '--last', '--json', '--match-urlpattern', 'earliest', '--wait'] },
  { args: ['read', '--help'], parts: ['--since', '--limit', '--type', '--json'] },
])(
  'help of $args has options and examples, and only its examples are wider than 80 columns',
  async ({ args, parts }) => {
    const { code, stdout, stderr } = await run(args);
    for (const part of ['Examples:\n  tidings', ...parts]) expect(stdout).toContain(part);
    const [options = '', examples = ''] = stdout.split('Examples:');
    expect(Math.max(...options.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(examples).toContain('tidings');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  },
);

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('help and --help of a command are the same', async () => {
  expect(await run(['help', 'serve'])).toEqual(await run(['serve', '--help']));
  expect(await run(['help'])).toEqual(await run(['--help']));
});
