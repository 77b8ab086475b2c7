import type { Entry } from './queue.ts';

/** What `publish` returns: the promise of the event's id. */
export interface Publication extends Promise<string> {
  /**
   * Resolves when the publisher has taken the event over: there was room for it and, if there is a store, the store keeps it, so that it will be
   * published whatever happens to the program. Await it to publish no faster than the hub takes events.
   */
  readonly accepted: Promise<void>;
}

/** The two sides of a publication. */
export interface Pending extends Pick<Entry, 'onStored' | 'onFailed'> {
  readonly publication: Publication;
  readonly onAccepted: () => void;
}

/** @param onSettled - called once the event is stored or failed, with its error if it is one */
export function createPublication(onSettled: (error?: unknown) => void = () => {}): Pending {
  let onStored!: (id: string) => void;
  let onAccepted!: () => void;
  let rejectStored!: (error: unknown) => void;
  let rejectAccepted!: (error: unknown) => void;
  const stored = new Promise<string>((resolve, reject) => {
    onStored = resolve;
    rejectStored = reject;
  });
  const accepted = new Promise<void>((resolve, reject) => {
    onAccepted = resolve;
    rejectAccepted = reject;
  });
  // Who does not ask whether it was accepted learns from the other promise.
  accepted.catch(() => {});
  return {
    publication: Object.assign(stored, { accepted }),
    onAccepted,
    onStored: (id) => {
      onSettled();
      onStored(id);
    },
    onFailed: (error) => {
      onSettled(error);
      rejectAccepted(error);
      rejectStored(error);
    },
  };
}
