/** What an `on…` attribute holds. An object that cannot be called is kept and never called. */
export type EventHandler<E extends Event, T extends EventTarget = EventTarget> =
  | ((this: T, event: E) => unknown)
  | null;
