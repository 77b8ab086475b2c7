import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addressFault, publishedFolders, withSharedMetadata } from '../scripts/metadata.ts';
import { folder } from './folder.ts';

const ROOT = join(import.meta.dirname, '..');
const PUBLISHED = publishedFolders(ROOT);

interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly files: readonly string[];
}

function manifest(name: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as Manifest;
}

const ADDRESSES = {
  homepage: 'https://tidings.test/',
  repository: { type: 'git', url: 'git+https://tidings.test/tidings.git' },
  bugs: { url: 'https://tidings.test/issues' },
};

describe.each(PUBLISHED)('packages/%s', (name) => {
  test('says what the root says, where it has not been edited by hand', () => {
    expect(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')).toBe(withSharedMetadata(ROOT, name));
  });

  test('has keywords that no other package has', () => {
    const others = new Set(PUBLISHED.filter((other) => other !== name).flatMap((other) => manifest(other).keywords));
    const { keywords } = manifest(name);
    expect(keywords.filter((keyword) => !others.has(keyword)).length).toBeGreaterThan(1);
    expect(new Set(keywords).size).toBe(keywords.length);
  });

  test('ships its sources, to which its maps lead', () => {
    expect(manifest(name).files).toContain('src');
  });
});

test('what has changed is told of packages that are here', () => {
  const names = new Set(PUBLISHED.map((name) => manifest(name).name));
  const files = globSync('.changeset/*.md', { cwd: ROOT }).filter((file) => !file.endsWith('README.md'));
  const wrong = files.flatMap((file) => {
    const [, head = ''] = readFileSync(join(ROOT, file), 'utf8').split('---\n');
    const told = [...head.matchAll(/^'?([^'\s]+?)'?: (?:patch|minor|major)$/gm)].map(([, name = '']) => name);
    return told.length > 0 && told.every((name) => names.has(name)) ? [] : [`${file}: ${told.join(', ')}`];
  });
  expect(wrong).toEqual([]);
});

test('what a package says of its own stays when it is told what the root says', () => {
  const root = folder({
    'package.json': { license: 'MIT', author: 'us', engines: { node: '>=20' }, ...ADDRESSES },
    'packages/wire/package.json': { name: 'wire', type: 'module', version: '1.0.0', license: 'ISC', keywords: ['sse'] },
  });
  expect(JSON.parse(withSharedMetadata(root, 'wire'))).toEqual({
    name: 'wire',
    version: '1.0.0',
    keywords: ['sse'],
    license: 'MIT',
    author: 'us',
    ...ADDRESSES,
    repository: { ...ADDRESSES.repository, directory: 'packages/wire' },
    type: 'module',
    engines: { node: '>=20' },
  });
});

test.each([
  ['homepage', 'https://tidings.example/'],
  ['repository', { type: 'git', url: 'git+https://tidings.example/tidings.git' }],
  ['bugs', { url: 'https://example/issues' }],
])('nothing is published while the %s is below a domain that nobody can have', (name, value) => {
  expect(addressFault(folder({ 'package.json': ADDRESSES }))).toBeUndefined();
  const root = folder({ 'package.json': { ...ADDRESSES, [name]: value } });
  expect(addressFault(root)).toContain('names no real address yet');
});
