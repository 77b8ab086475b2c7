import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layerFaults } from '../scripts/layers.ts';
import { folder } from './folder.ts';

const WIRE = { 'packages/wire/package.json': { name: '@tidings/wire' } };

test('the packages of this workshop keep to their layers', () => {
  expect(layerFaults(join(import.meta.dirname, '..'))).toEqual([]);
});

test('a package may use what the arrows allow', () => {
  const root = folder({
    ...WIRE,
    'packages/server/package.json': { name: '@tidings/server', dependencies: { '@tidings/wire': '0.1.0' } },
    'packages/server/src/index.ts': `export { encodeEvent } from '@tidings/wire';\nexport * from './log.ts';\n`,
    'packages/server/src/log.ts': `/** import { x } from 'elsewhere' */\nexport const log = "import 'elsewhere'";\n`,
    'packages/server/src/node.ts': `import { ServerResponse } from 'node:http';\nexport type R = ServerResponse;\n`,
  });
  expect(layerFaults(root)).toEqual([]);
});

test('a dependency against the arrows is a fault', () => {
  const root = folder({
    ...WIRE,
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/server/package.json': { name: '@tidings/server', dependencies: { '@tidings/client': '0.1.0' } },
  });
  expect(layerFaults(root)).toEqual(['packages/server depends on @tidings/client, and server may not use client']);
});

test.each(['dependencies', 'optionalDependencies', 'peerDependencies'])(
  'a package of others among the %s of a package that has none is a fault',
  (kind) => {
    const root = folder({ 'packages/wire/package.json': { name: '@tidings/wire', [kind]: { ws: '8' } } });
    expect(layerFaults(root)).toEqual(['packages/wire depends on ws, and wire has no dependencies of others']);
  },
);

test.each([
  [`import { log } from 'pino';`],
  [`import type { Logger } from 'pino';`],
  [`import 'pino/register';`],
  [`export { log } from 'pino';`],
  [`export * from 'pino';`],
  [`export const log = await import('pino');`],
])('an import that the package does not declare is a fault: %s', (line) => {
  const root = folder({
    'packages/hub/package.json': { name: '@tidings/hub', devDependencies: { pino: '10' } },
    'packages/hub/src/log.ts': `${line}\n`,
  });
  expect(layerFaults(root)).toEqual([
    "packages/hub/src/log.ts imports pino, which is not among the package's dependencies",
  ]);
});

test('what is bundled may keep its imports among the development dependencies', () => {
  const root = folder({
    'packages/ui/package.json': { name: '@tidings/ui', private: true, devDependencies: { preact: '11' } },
    'packages/ui/src/main.tsx': `import { render } from 'preact';\nrender(<p />, document.body);\n`,
  });
  expect(layerFaults(root)).toEqual([]);
});

test('an import of a file of another package is a fault', () => {
  const root = folder({
    ...WIRE,
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/client/src/index.ts': `import { x } from '../../wire/src/index.ts';\nx();\n`,
  });
  expect(layerFaults(root)).toEqual([
    'packages/client/src/index.ts imports ../../wire/src/index.ts, which is outside of its package',
  ]);
});

test('an import from Node in what an entry for every runtime reaches is a fault', () => {
  const root = folder({
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/client/src/index.ts': `export { wait } from './wait.ts';\n`,
    'packages/client/src/wait.ts': `export { setTimeout as wait } from 'node:timers/promises';\n`,
  });
  expect(layerFaults(root)).toEqual([
    'packages/client/src/wait.ts imports node:timers/promises, and is part of an entry that runs in every runtime',
  ]);
});

test('a package without a place in the layers is a fault', () => {
  const root = folder({ 'packages/utils/package.json': { name: '@tidings/utils' } });
  expect(layerFaults(root)).toEqual(['packages/utils has no place in the layers']);
});
