import type { ReplicaRecord } from '../replica/replica.ts';
import { writeSnapshot } from '../replica/snapshot.ts';
import type { Store, StreamState } from '../store/store.ts';

// Room for what the store adds to a part of a snapshot.
const OVERHEAD = 1024;

// Every so many looks it is checked that there is a snapshot.
const LOOKS = 4;

/** Keeps the stream small: stores a snapshot of the replica, and removes the messages that are in it. */
export class Compaction {
  readonly #store: Store;
  readonly #leastBytes: number;
  readonly #onError: (error: unknown) => void;
  /** The size of the last snapshot that this node knows of. */
  #bytes = 0;
  #isRunning = false;
  #looks = 0;

  /** @param leastBytes a stream that is smaller is left as it is */
  constructor(store: Store, leastBytes: number, onError: (error: unknown) => void) {
    this.#store = store;
    this.#leastBytes = leastBytes;
    this.#onError = onError;
  }

  /** There is a snapshot of this size. */
  found(bytes: number): void {
    this.#bytes = bytes;
  }

  /** Somebody else may have deleted the bucket, or messages. Looks for that now and then. */
  async #isSnapshotMissing({ created, first }: StreamState): Promise<boolean> {
    this.#looks += 1;
    if (first <= 1 || this.#looks % LOOKS !== 0) return false;
    const newest = await this.#store.snapshots.newest(created);
    return newest === undefined || newest.at + 1 < first;
  }

  /** Does it if the stream has become large, or if there is no snapshot of what was removed from it. */
  async run(state: StreamState, record: () => Promise<ReplicaRecord>): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const { created, bytes } = state;
      const isLarge = bytes > Math.max(this.#leastBytes, 2 * this.#bytes);
      if (!isLarge && !(await this.#isSnapshotMissing(state))) return;
      const known = await record();
      const { at } = known;
      const store = this.#store;
      const text = writeSnapshot(known, store.maxPayload - OVERHEAD);
      const last = async (): Promise<number> => (await store.state())?.last ?? 0;
      const newest = await store.snapshots.store({ created, at }, text, last);
      if (!newest) return;
      this.#bytes = newest.bytes;
      // This node has what is in its own. Who has stored one that has more removes those messages.
      if (newest.at <= at) await store.removeBefore(newest.at + 1);
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#isRunning = false;
    }
  }
}
