/** Where a subscription keeps its last event ID, so that it goes on after a restart of the program. */
export interface PositionStore {
  /**
   * Returns the ID that was set last, or `undefined`, `null` or `''` if there is none. The subscription calls it once, before its
   * first request.
   */
  get(): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps an ID. The subscription calls it again only after the promise that it returned is settled. */
  set(id: string): void | Promise<void>;
}

/**
 * Keeps the last event ID in the browser's `localStorage`, under a key. All tabs of an origin see the same value, so tabs that
 * each have a subscription of their own need a key each.
 */
export function localStorageStore(key: string): PositionStore {
  return {
    get: () => localStorage.getItem(key),
    set: (id) => localStorage.setItem(key, id),
  };
}
