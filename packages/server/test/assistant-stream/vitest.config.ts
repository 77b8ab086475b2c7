// Runs the tests that assistant-stream ships, unchanged, with our store in the place of its own.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.resolve('assistant-stream'))));

export default defineConfig({
  root: PACKAGE,
  cacheDir: join(import.meta.dirname, '../../../../node_modules/.cache/assistant-stream'),
  plugins: [
    {
      name: 'our-store',
      enforce: 'pre',
      resolveId: (id) =>
        id.endsWith('/InMemoryResumableStreamStore') ? join(import.meta.dirname, 'store.ts') : undefined,
    },
  ],
  test: {
    include: ['src/resumable/**/*.test.ts'],
    // Of the stores in Redis, with stand-ins for it.
    exclude: ['src/resumable/stores/redis*.test.ts'],
    server: { deps: { inline: [/assistant-stream/] } },
  },
});
