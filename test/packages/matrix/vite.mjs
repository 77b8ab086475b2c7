import { join } from 'node:path';
import { build } from 'vite';

const folder = process.argv[2];
await build({
  root: folder,
  logLevel: 'error',
  build: {
    outDir: 'out',
    emptyOutDir: true,
    rolldownOptions: { input: join(folder, 'program.js'), output: { entryFileNames: 'program.js' } },
  },
});
