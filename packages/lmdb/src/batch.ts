import type { LmdbStore } from './store.ts';

/** A write that LMDB has been asked for. */
type Write = Promise<boolean>;

/**
 * Commits what `write` puts and removes, all or nothing, and resolves when it is on disk.
 * Rejects with the error of the system underneath.
 */
export async function commit(store: LmdbStore, write: (track: (write: Write) => void) => void): Promise<void> {
  // Every single write has a promise that fails with the commit; the commit's own says it for all.
  const track = (single: Write): void => {
    single.catch(() => {});
  };
  try {
    await store.root.batch(() => write(track));
  } catch (error) {
    throw await underneath(error);
  }
}

/** LMDB's binding says "Commit failed" and keeps the reason behind a promise of its own. */
async function underneath(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
}
