import { globSync } from 'node:fs';
import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './test/order.ts';

/**
 * Tests of packages that may share a process, one file after the other: it loads the packages once, which takes longer than most of these tests.
 * Whatever they fake they put back. Those that change their process for good are left out, and so are those that look at all of it, such as its memory.
 */
const TOGETHER = globSync(['packages/{server,hub,ui}/test/*.test.ts'], {
  cwd: import.meta.dirname,
  exclude: [
    'packages/*/test/*-browsers.test.ts',
    'packages/server/test/{memory-bounds,package,reported,slow-listener,socket-writer}.test.ts',
    'packages/hub/test/{full-disk,half-open,package,program,slow-listener,store-away}.test.ts',
    'packages/ui/test/page.test.ts',
  ],
});

export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Its default is a second, which a machine under load may take for anything.
    expect: { poll: { timeout: 60_000 } },
    globalSetup: ['test/each-run.ts'],
    setupFiles: ['test/each-file.ts'],
    // Two cores, and tests that wait for a third of their time: for browsers to come back, and for hubs to drain.
    maxWorkers: 4,
    // Tests that are concurrent only wait, for a second to pass or a browser.
    maxConcurrency: 12,
    // What is built is loaded by Node itself, as it is by users. Some tests of the client put other files into it.
    server: { deps: { external: [/\/packages\/(?!client\/)[a-z]+\/dist\//] } },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'here',
          include: [
            'packages/*/test/**/*.test.ts',
            'examples/test/**/*.test.ts',
            'simulation/test/**/*.test.ts',
            'test/**/*.test.ts',
          ],
          exclude: [...configDefaults.exclude, ...TOGETHER],
        },
      },
      {
        extends: true,
        test: {
          name: 'together',
          include: TOGETHER,
          isolate: false,
          restoreMocks: true,
        },
      },
      {
        // What browsers download of the wire package differs from what Node loads, and has to do the same
        extends: true,
        ssr: { resolve: { conditions: ['browser', 'node'] } },
        test: {
          name: 'as in a browser',
          include: ['packages/wire/test/**/*.test.ts'],
          execArgv: ['--conditions=browser'],
          setupFiles: ['test/text-decoder.ts'],
        },
      },
    ],
  },
});
