// Parcel as it is without settings: it reads `main`.
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Parcel } from '@parcel/core';

const folder = process.argv[2];
process.chdir(folder);
const parcel = new Parcel({
  entries: join(folder, 'index.html'),
  defaultConfig: import.meta.resolve('@parcel/config-default').replace('file://', ''),
  mode: 'production',
  targets: { page: { distDir: join(folder, 'out'), optimize: false, sourceMap: false } },
  cacheDir: join(folder, '.parcel-cache'),
});
await parcel.run();
const [, made] = /src="?\/([^">\s]+)/.exec(readFileSync(join(folder, 'out', 'index.html'), 'utf8'));
renameSync(join(folder, 'out', made), join(folder, 'out', 'program.js'));
process.exit(0);
