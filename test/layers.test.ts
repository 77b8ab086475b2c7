import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { draw, drawingFaults, layerFaults } from '../scripts/layers.ts';
import type { House, Houses, Room } from '../scripts/layers/houses.ts';
import { folder, write } from './folder.ts';

const ROOT = join(import.meta.dirname, '..');
const WIRE = { 'packages/wire/package.json': { name: '@tidings/wire' } };

/** A package that holds what the other names say, and otherwise uses nothing. */
function house(known: Partial<House>): House {
  return { purpose: '', mayUse: [], thirdParty: false, runsAnywhere: [], rooms: [], ...known };
}

/** Four packages, none of which has rooms. */
const HOUSES: Houses = {
  ui: house({ thirdParty: true }),
  hub: house({ mayUse: ['server'], thirdParty: true }),
  client: house({ mayUse: ['wire'], runsAnywhere: ['index.ts'] }),
  server: house({ mayUse: ['wire'] }),
  wire: house({}),
};

test('the packages and the rooms of this workshop keep to their layers', () => {
  expect(layerFaults(ROOT)).toEqual([]);
});

test('the drawing in CONTRIBUTING.md is of the layers that are checked', () => {
  expect(drawingFaults(ROOT)).toEqual([]);
});

test('the way of an event in CONTRIBUTING.md is of files that there are, twelve at most', () => {
  const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const [, way = ''] = /### The way of an event\n(.*?)\n## /s.exec(page) ?? [];
  const files = [...way.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file!);
  expect(files.length).toBeGreaterThan(0);
  expect(files.length).toBeLessThanOrEqual(12);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test('no source file of a package has more than 250 lines of code', () => {
  const isCode = (line: string): boolean => !/^\s*($|\/\/|\/\*|\*)/.test(line);
  const lengths = readdirSync(join(ROOT, 'packages'))
    .flatMap((name) => {
      const source = join(ROOT, 'packages', name, 'src');
      return readdirSync(source, { recursive: true, encoding: 'utf8' }).map((file) => join(source, file));
    })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').filter(isCode).length }));
  expect(lengths.length).toBeGreaterThan(200);
  expect(lengths.filter(({ lines }) => lines > 250)).toEqual([]);
});

test('a package may use what the arrows allow', () => {
  const root = folder({
    ...WIRE,
    'packages/server/package.json': { name: '@tidings/server', dependencies: { '@tidings/wire': '0.1.0' } },
    'packages/server/src/index.ts': `export { encodeEvent } from '@tidings/wire';\nexport * from './log.ts';\n`,
    'packages/server/src/log.ts': `/** import { x } from 'elsewhere' */\nexport const log = "import 'elsewhere'";\n`,
    'packages/server/src/node.ts': `import { ServerResponse } from 'node:http';\nexport type R = ServerResponse;\n`,
  });
  expect(layerFaults(root, HOUSES)).toEqual([]);
});

test('a dependency against the arrows is a fault', () => {
  const root = folder({
    ...WIRE,
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/server/package.json': { name: '@tidings/server', dependencies: { '@tidings/client': '0.1.0' } },
  });
  expect(layerFaults(root, HOUSES)).toEqual([
    'packages/server depends on @tidings/client, and server may not use client',
  ]);
});

test.each(['dependencies', 'optionalDependencies', 'peerDependencies'])(
  'a package of others among the %s of a package that has none is a fault',
  (kind) => {
    const root = folder({ 'packages/wire/package.json': { name: '@tidings/wire', [kind]: { ws: '8' } } });
    expect(layerFaults(root, HOUSES)).toEqual(['packages/wire depends on ws, and wire has no dependencies of others']);
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
  expect(layerFaults(root, HOUSES)).toEqual([
    "packages/hub/src/log.ts imports pino, which is not among the package's dependencies",
  ]);
});

test('what is bundled may keep its imports among the development dependencies', () => {
  const root = folder({
    'packages/ui/package.json': { name: '@tidings/ui', private: true, devDependencies: { preact: '11' } },
    'packages/ui/src/main.tsx': `import { render } from 'preact';\nrender(<p />, document.body);\n`,
  });
  expect(layerFaults(root, HOUSES)).toEqual([]);
});

test('an import of a file of another package is a fault', () => {
  const root = folder({
    ...WIRE,
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/client/src/index.ts': `import { x } from '../../wire/src/index.ts';\nx();\n`,
  });
  expect(layerFaults(root, HOUSES)).toEqual([
    'packages/client/src/index.ts imports ../../wire/src/index.ts, which is outside of its package',
  ]);
});

test('an import from Node in what an entry for every runtime reaches is a fault', () => {
  const root = folder({
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/client/src/index.ts': `export { wait } from './wait.ts';\n`,
    'packages/client/src/wait.ts': `export { setTimeout as wait } from 'node:timers/promises';\n`,
  });
  expect(layerFaults(root, HOUSES)).toEqual([
    'packages/client/src/wait.ts imports node:timers/promises, and is part of an entry that runs in every runtime',
  ]);
});

test('an import from Node behind a condition of Node is no fault, and behind another it is', () => {
  const root = folder({
    'packages/client/package.json': {
      name: '@tidings/client',
      imports: { '#wait': { node: './dist/wait-node.js', default: './dist/wait.js' } },
    },
    'packages/client/src/index.ts': `export { wait } from '#wait';\n`,
    'packages/client/src/wait-node.ts': `export { setTimeout as wait } from 'node:timers/promises';\n`,
    'packages/client/src/wait.ts': `export { setInterval as wait } from 'node:timers';\n`,
  });
  expect(layerFaults(root, HOUSES)).toEqual([
    'packages/client/src/wait.ts imports node:timers, and is part of an entry that runs in every runtime',
  ]);
});

test('an entry for every runtime that is not there is a fault', () => {
  const root = folder({
    'packages/client/package.json': { name: '@tidings/client' },
    'packages/client/src/client.ts': '',
  });
  expect(layerFaults(root, HOUSES)).toEqual(['packages/client/src has no index.ts, which should run in every runtime']);
});

test('a package without a place in the layers is a fault', () => {
  const root = folder({ 'packages/utils/package.json': { name: '@tidings/utils' } });
  expect(layerFaults(root, HOUSES)).toEqual(['packages/utils has no place in the layers']);
});

/** Three floors: `index.ts` on `live` on `log`, and `errors.ts` as the ground. */
const ROOMS: readonly Room[] = [
  { name: 'index.ts', purpose: 'the entry', uses: 'all' },
  { name: 'live', purpose: 'fan-out', uses: ['log'] },
  { name: 'log', purpose: 'the log', uses: [] },
  { name: 'errors.ts', purpose: 'the errors', uses: [], ground: true },
];

/** What is wrong with a package of these rooms that has, beside what they need, these files. */
function roomFaults(files: Readonly<Record<string, string>>, rooms: readonly Room[] = ROOMS): string[] {
  const sound = {
    'index.ts': `export { live } from './live/live.ts';\n`,
    'live/live.ts': `export { log as live } from '../log/log.ts';\n`,
    'log/log.ts': `import { LogError } from '../errors.ts';\nexport const log = LogError;\n`,
    'errors.ts': `export class LogError extends Error {}\n`,
  };
  const paths = Object.entries({ ...sound, ...files }).map(([path, text]) => [`packages/server/src/${path}`, text]);
  const root = folder({
    'packages/server/package.json': { name: '@tidings/server', imports: { '#live': './dist/live/live.js' } },
    ...Object.fromEntries(paths),
  });
  return layerFaults(root, { server: house({ rooms }) });
}

describe('the rooms of a package', () => {
  test('may use what the table allows, and the ground', () => {
    expect(roomFaults({})).toEqual([]);
  });

  test.each([
    [`import { live } from '../live/live.ts';`],
    [`import type { live } from '../live/live.ts';`],
    [`import { type live } from '../live/live.ts';`],
    [`export type { live } from '../live/live.ts';`],
    [`export * from '../live/live.ts';`],
    [`export type Live = typeof import('../live/live.ts');`],
    [`export const live = await import('../live/live.ts');`],
    [`import { live } from '#live';`],
  ])('an arrow back up is a fault: %s', (line) => {
    expect(roomFaults({ 'log/cursor.ts': `${line}\n` })).toEqual([
      'packages/server/src/log/cursor.ts imports live/live.ts, and log may not use live, which stands above it',
      'The rooms live → log → live of packages/server/src use each other in a circle',
    ]);
  });

  test('an arrow that the table does not name is a fault, though it goes down', () => {
    const rooms = ROOMS.toSpliced(2, 0, { name: 'sink', purpose: '', uses: [] });
    const files = { 'sink/sink.ts': '', 'live/cohort.ts': `import '../sink/sink.ts';\n` };
    expect(roomFaults(files, rooms)).toEqual([
      'packages/server/src/live/cohort.ts imports sink/sink.ts, and live may not use sink',
    ]);
  });

  test('the ground may use no other room', () => {
    expect(roomFaults({ 'errors.ts': `import './live/cohort.ts';\n`, 'live/cohort.ts': '' })).toEqual([
      'packages/server/src/errors.ts imports live/cohort.ts, and errors.ts may not use live, which stands above it',
      'The rooms errors.ts → live → log → errors.ts of packages/server/src use each other in a circle',
    ]);
  });

  test.each(['helpers.ts', 'helpers/text.ts', 'log/memory/list.ts'])('a file in no room is a fault: %s', (path) => {
    expect(roomFaults({ [path]: '' })).toEqual([
      `packages/server/src/${path} is in no room: scripts/layers/houses.ts names them`,
    ]);
  });

  test('a folder in a package without rooms is a fault', () => {
    const root = folder({ ...WIRE, 'packages/wire/src/index.ts': '', 'packages/wire/src/text/reader.ts': '' });
    expect(layerFaults(root, HOUSES)).toEqual([
      'packages/wire/src/text/reader.ts is in no room: scripts/layers/houses.ts names them',
    ]);
  });

  test('a circle of files is a fault, also where only types go around and inside one room', () => {
    const files = {
      'log/page.ts': `import type { Entry } from './entry.ts';\nexport type Page = Entry[];\n`,
      'log/entry.ts': `export type Entry = import('./place.ts').Place;\n`,
      'log/place.ts': `import type { Page } from './page.ts';\nexport type Place = Page;\n`,
    };
    expect(roomFaults(files)).toEqual([
      'The files log/entry.ts → log/place.ts → log/page.ts → log/entry.ts of packages/server/src import each other in a circle',
    ]);
  });

  test('two circles are two faults, and a file that uses both is in neither', () => {
    const files = {
      'log/a.ts': `import './b.ts';\n`,
      'log/b.ts': `import './a.ts';\n`,
      'log/c.ts': `import './a.ts';\nimport './d.ts';\n`,
      'log/d.ts': `import './c.ts';\n`,
      'log/e.ts': `import './a.ts';\nimport './c.ts';\n`,
    };
    expect(roomFaults(files)).toEqual([
      'The files log/a.ts → log/b.ts → log/a.ts of packages/server/src import each other in a circle',
      'The files log/c.ts → log/d.ts → log/c.ts of packages/server/src import each other in a circle',
    ]);
  });

  test('a circle in the table is a fault', () => {
    const rooms = ROOMS.with(2, { name: 'log', purpose: '', uses: ['live'] });
    expect(roomFaults({}, rooms)).toEqual([
      'scripts/layers/houses.ts lets log use live, which does not stand below it in packages/server/src',
    ]);
  });

  test('a room of the table in which there is nothing is a fault', () => {
    expect(roomFaults({}, [...ROOMS, { name: 'clock.ts', purpose: '', uses: [] }])).toEqual([
      'scripts/layers/houses.ts names a room clock.ts, and packages/server/src has none',
    ]);
  });

  test('an arrow of the table that no file needs is a fault', () => {
    expect(roomFaults({ 'live/live.ts': 'export const live = 1;\n' })).toEqual([
      'scripts/layers/houses.ts lets live use log in packages/server/src, and no file needs it',
    ]);
  });
});

describe('the drawing of the layers', () => {
  const houses: Houses = {
    server: house({ purpose: 'streams', mayUse: ['wire'], rooms: ROOMS }),
    wire: house({ purpose: 'the format' }),
  };

  /** A workshop with a page that says something around its drawing, which has been made. */
  function drawn(): string {
    const begin = '<!-- The drawing below is made by `npm run layers -- --write` from scripts/layers/houses.ts -->';
    const root = folder({ 'CONTRIBUTING.md': `# Before\n${begin}\n<!-- The end of the drawing -->\n# After\n` });
    draw(root, houses);
    return root;
  }

  test('shows the packages and their rooms, each above what it uses', () => {
    expect(readFileSync(join(drawn(), 'CONTRIBUTING.md'), 'utf8')).toMatchInlineSnapshot(`
      "# Before
      <!-- The drawing below is made by \`npm run layers -- --write\` from scripts/layers/houses.ts -->

      \`\`\`text
      packages
      ┌───────────┬────────────┬────────────────────┐
      │ server    │ streams    │ ↓ wire             │
      ╞═══════════╪════════════╪════════════════════╡
      │ wire      │ the format │                    │
      └───────────┴────────────┴────────────────────┘
      \`\`\`

      \`\`\`text
      packages/server/src
      ┌───────────┬────────────┬────────────────────┐
      │ index.ts  │ the entry  │ ↓ every room       │
      ├───────────┼────────────┼────────────────────┤
      │ live/     │ fan-out    │ ↓ log              │
      ├───────────┼────────────┼────────────────────┤
      │ log/      │ the log    │                    │
      ╞═══════════╪════════════╪════════════════════╡
      │ errors.ts │ the errors │ used by every room │
      └───────────┴────────────┴────────────────────┘
      \`\`\`

      <!-- The end of the drawing -->
      # After
      "
    `);
  });

  test('is without fault when it has been made from the table', () => {
    expect(drawingFaults(drawn(), houses)).toEqual([]);
  });

  test('is stale when the table has another arrow, or somebody has drawn on it', () => {
    const root = drawn();
    const stale = ['The drawing in CONTRIBUTING.md is of other layers: `npm run layers -- --write` makes it anew'];
    expect(drawingFaults(root, { ...houses, wire: house({ purpose: 'the format', mayUse: ['server'] }) })).toEqual(
      stale,
    );

    const path = join(root, 'CONTRIBUTING.md');
    writeFileSync(path, readFileSync(path, 'utf8').replace('fan-out', 'fan-in '));
    expect(drawingFaults(root, houses)).toEqual(stale);
  });

  test('has to have its place', () => {
    const root = drawn();
    write(root, { 'CONTRIBUTING.md': '# A page without a drawing' });
    expect(() => drawingFaults(root, houses)).toThrow('The page has no place for the drawing');
  });
});
