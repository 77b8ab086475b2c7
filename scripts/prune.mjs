import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const COMPILED = /\.(?:js|d\.ts)(?:\.map)?$/;

/**
 * Removes what the compiler has once made of sources that are gone: it never does, and everything in `dist` is packed.
 *
 * @param {string} root the folder that holds packages/
 */
export function prune(root) {
  for (const name of readdirSync(join(root, 'packages'))) {
    const source = join(root, 'packages', name, 'src');
    const dist = join(root, 'packages', name, 'dist');
    if (!existsSync(source) || !existsSync(dist)) continue;
    for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!COMPILED.test(path)) continue;
      const stem = path.replace(COMPILED, '');
      const isMade = ['.ts', '.tsx'].some((extension) => existsSync(join(source, stem + extension)));
      if (!isMade) rmSync(join(dist, path));
    }
  }
}
