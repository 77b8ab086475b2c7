import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { isStreamMissing, isWrongSequence } from './problem.ts';

const POINTER = 'newest';
const CHECK = 'check';

/** Where the newest snapshot is. */
interface Pointer {
  /** When the stream of the snapshot was made. */
  readonly created: string;
  /** The number of the last message of the stream that is in it. */
  readonly at: number;
  readonly parts: number;
  readonly bytes: number;
}

export interface FoundSnapshot extends Pointer {
  readonly text: AsyncIterable<Uint8Array>;
}

/** The snapshots of a log, in a bucket of their own: the parts of each, and which one is the newest, which is changed by compare-and-set. */
export class Snapshots {
  readonly #kvm: Kvm;
  readonly #streams: JetStreamManager['streams'];
  readonly #bucket: string;
  readonly #replicas: number;
  #kv: KV | undefined;

  constructor(client: JetStreamClient, manager: JetStreamManager, name: string, replicas: number) {
    this.#streams = manager.streams;
    this.#kvm = new Kvm(client);
    this.#bucket = `${name}-snapshots`;
    this.#replicas = replicas;
  }

  /** Makes the bucket, unless it is there. */
  async open(): Promise<KV> {
    return (this.#kv ??= await this.#kvm.create(this.#bucket, {
      history: 1,
      replicas: this.#replicas,
      allow_direct: false,
    }));
  }

  /** Finds out whether one may be stored. */
  async check(): Promise<void> {
    const kv = await this.open();
    await kv.put(CHECK, '');
  }

  /** The newest snapshot of a stream. */
  async newest(created: string): Promise<FoundSnapshot | undefined> {
    const found = await this.#pointer();
    if (found?.pointer.created !== created) return undefined;
    const { pointer } = found;
    return { ...pointer, text: this.#parts(pointer) };
  }

  /**
   * Stores one, unless there is one that has as much or more: a node may be behind, or have stood still since it put its own together, and the messages that would have to
   * follow may be gone. Gives which one is the newest now; undefined if another node has stored one meanwhile.
   * @param last the number of the stream's newest message, which is asked for when it counts: a snapshot that has more is of messages that were lost
   */
  async store(
    { created, at }: Pick<Pointer, 'created' | 'at'>,
    text: AsyncIterable<Uint8Array>,
    last: () => Promise<number>,
  ): Promise<Pick<Pointer, 'at' | 'bytes'> | undefined> {
    const kv = await this.open();
    const before = await this.#pointer();
    const newest = before?.pointer.created === created ? before.pointer : undefined;
    if (newest && newest.at >= at && newest.at <= (await last())) return newest;
    let parts = 0;
    let bytes = 0;
    let first: number | undefined;
    for await (const part of text) {
      const revision = await kv.put(keyOf(at, parts), part);
      first ??= revision;
      parts += 1;
      bytes += part.length;
    }
    const pointer: Pointer = { created, at, parts, bytes };
    try {
      await kv.put(POINTER, JSON.stringify(pointer), { previousSeq: before?.revision ?? 0 });
    } catch (error) {
      if (!isWrongSequence(error)) throw error;
      return undefined;
    }
    await this.#removeBefore(first ?? 0);
    return pointer;
  }

  async #pointer(): Promise<{ readonly pointer: Pointer; readonly revision: number } | undefined> {
    try {
      const kv = await this.open();
      const found = await kv.get(POINTER);
      if (found?.operation !== 'PUT') return undefined;
      return { pointer: found.json(), revision: found.revision };
    } catch (error) {
      // It was deleted.
      if (!isStreamMissing(error)) throw error;
      this.#kv = undefined;
      return undefined;
    }
  }

  async *#parts({ at, parts }: Pointer): AsyncGenerator<Uint8Array, undefined, undefined> {
    const kv = await this.open();
    for (let part = 0; part < parts; part += 1) {
      const found = await kv.get(keyOf(at, part));
      if (found?.operation !== 'PUT') throw new Error(`The snapshot ${at} has lost its part ${part}`);
      yield found.value;
    }
  }

  /**
   * Removes what is left of earlier snapshots, also of those that were not finished. Deleting the keys would leave a message for each, and of what a purge with a filter
   * removes nats-server 2.9 does not give the room back to the account.
   */
  async #removeBefore(revision: number): Promise<void> {
    // The server takes 1 for all of them.
    if (revision > 1) await this.#streams.purge(`KV_${this.#bucket}`, { seq: revision });
  }
}

function keyOf(at: number, part: number): string {
  return `${at}.${part}`;
}
