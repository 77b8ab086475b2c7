// webpack, which looks for the sources of every map, and takes a warning for a failure.
import { join } from 'node:path';
import { createRequire } from 'node:module';
import webpack from 'webpack';

const folder = process.argv[2];
const { resolve } = createRequire(import.meta.url);
webpack(
  {
    mode: 'production',
    target: 'web',
    context: folder,
    entry: './program.js',
    output: { path: join(folder, 'out'), filename: 'program.js', publicPath: '/' },
    module: { rules: [{ test: /\.js$/, enforce: 'pre', use: [resolve('source-map-loader')] }] },
  },
  (error, stats) => {
    if (error) throw error;
    const { errors, warnings } = stats.toJson();
    const found = [...errors, ...warnings].map(({ message }) => message);
    if (found.length > 0) throw new Error(found.join('\n'));
  },
);
