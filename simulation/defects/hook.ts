import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Defect } from './defects.ts';

const PACKAGES = join(import.meta.dirname, '../../packages');

/**
 * Puts a defect into the code that is loaded from here on. Returns a function that says whether its file was loaded.
 * @throws {Error} when the file is loaded, if it has the text not once
 */
export function putIn({ name, file: [folder, path], find, replace }: Defect): () => boolean {
  const file = join(PACKAGES, folder, 'dist', path);
  const { href } = pathToFileURL(file);
  let isLoaded = false;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== href) return loaded;
      isLoaded = true;
      const parts = readFileSync(file, 'utf8').split(find);
      if (parts.length !== 2) {
        throw new Error(
          `The defect "${name}" needs its text once in ${folder}/${path}, and finds it ${parts.length - 1} times`,
        );
      }
      return { ...loaded, source: parts.join(replace) };
    },
  });
  return () => isLoaded;
}
