import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more workers only make the processes that tests start wait for each other.
    maxWorkers: 2,
    // Tests that are concurrent only wait, for a second to pass or a browser.
    maxConcurrency: 12,
  },
});
