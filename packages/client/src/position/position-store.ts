/** Where a subscription keeps its last event ID over restarts. */
export interface PositionStore {
  /** The ID that was set last; `undefined`, `null` or `''` where there is none. Called once, before the first request. */
  get(): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps an ID. Called again only after the promise that it returned has settled. */
  set(id: string): void | Promise<void>;
}

/**
 * Keeps the last event ID in the browser's `localStorage`, under a key. Every tab of the origin has the same one: tabs
 * that each listen for themselves need a key each.
 */
export function localStorageStore(key: string): PositionStore {
  return {
    get: () => localStorage.getItem(key),
    set: (id) => localStorage.setItem(key, id),
  };
}
