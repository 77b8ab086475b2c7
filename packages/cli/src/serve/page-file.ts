import { readFile } from 'node:fs/promises';

/** The page of the hub, which the build puts into the folder of the built command; undefined if there is none. */
export async function readPage(): Promise<string | undefined> {
  try {
    return await readFile(new URL('../page.html', import.meta.url), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
