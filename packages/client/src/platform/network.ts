/** Whether there is a network, as far as the platform knows. */
export interface Network {
  readonly isOnline: boolean;
  /** Calls back each time the network is there again, until the function that it returns is called. */
  onOnline(callback: () => void): () => void;
}

interface NetworkGlobals {
  readonly navigator?: { readonly onLine?: boolean };
  readonly addEventListener?: EventTarget['addEventListener'];
  readonly removeEventListener?: EventTarget['removeEventListener'];
}

/** The network as browsers and their workers report it. Other runtimes report nothing and count as online. */
export const systemNetwork: Network = {
  get isOnline() {
    return (globalThis as NetworkGlobals).navigator?.onLine !== false;
  },
  onOnline: (callback) => {
    (globalThis as NetworkGlobals).addEventListener?.('online', callback);
    return () => (globalThis as NetworkGlobals).removeEventListener?.('online', callback);
  },
};
