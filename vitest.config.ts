import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 240_000,
    globalSetup: ['test/each-run.ts'],
    setupFiles: ['test/each-file.ts'],
    // Two cores, and tests that wait for a third of their time: for browsers to come back, and for hubs to drain.
    maxWorkers: 4,
    // Tests that are concurrent only wait, for a second to pass or a browser.
    maxConcurrency: 12,
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
