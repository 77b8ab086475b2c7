import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isInstalled } from '../scripts/install.mjs';
import { folder } from './folder.ts';

const ROOT = join(import.meta.dirname, '..');

describe('an installation', () => {
  const wanted = {
    '': { name: 'workshop' },
    'packages/a': { version: '1.0.0' },
    'node_modules/a': { resolved: 'packages/a', link: true },
    'node_modules/b': { version: '2.0.0', integrity: 'sha512-b' },
    'node_modules/b-other-platform': { version: '2.0.0', integrity: 'sha512-o', optional: true },
  };
  const { '': _root, 'node_modules/b-other-platform': _optional, ...installed } = wanted;

  test('counts when it is what the lock file asks for', () => {
    expect(isInstalled(workshop(wanted, installed))).toBe(true);
  });

  test('does not count when there is none, or an interrupted one', () => {
    expect(isInstalled(folder({ 'package-lock.json': { packages: wanted } }))).toBe(false);
  });

  test('does not count when the lock file asks for another version', () => {
    const newer = { ...wanted, 'node_modules/b': { version: '2.0.1', integrity: 'sha512-c' } };
    expect(isInstalled(workshop(newer, installed))).toBe(false);
  });

  test('does not count when the lock file asks for one package more', () => {
    const more = { ...wanted, 'node_modules/c': { version: '1.0.0', integrity: 'sha512-c' } };
    expect(isInstalled(workshop(more, installed))).toBe(false);
  });

  function workshop(lock: object, hiddenLock: object): string {
    return folder({
      'package-lock.json': { packages: lock },
      'node_modules/.package-lock.json': { packages: hiddenLock },
    });
  }
});

interface Locked {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('the lock file', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };

  test('names no host', () => {
    const elsewhere = Object.values(packages).filter(({ resolved }) => resolved?.includes('://'));
    expect(elsewhere).toEqual([]);
  });

  test('holds what is optional for every platform, without which no clean install works on any', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });
});

test('the command of the workshop is linked by an installation, so its file is there before anything is built', () => {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'packages/cli/package.json'), 'utf8')) as {
    bin: { tidings: string };
  };
  const { status } = spawnSync('git', ['ls-files', '--error-unmatch', join('packages/cli', bin.tidings)], {
    cwd: ROOT,
  });
  expect({ built: bin.tidings.startsWith('dist/'), status }).toEqual({ built: false, status: 0 });
});
