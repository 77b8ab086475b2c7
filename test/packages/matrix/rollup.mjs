import { join } from 'node:path';
import resolve from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';

const folder = process.argv[2];
const bundle = await rollup({
  input: join(folder, 'program.js'),
  plugins: [resolve({ browser: true })],
  onwarn: ({ message }) => {
    throw new Error(message);
  },
});
await bundle.write({ dir: join(folder, 'out'), format: 'es' });
await bundle.close();
