import {
  KeptValues,
  type MemoryLog,
  type SetOptions,
  type StoredValue,
  type StoredValues,
  type ValuesChange,
} from '@tidings/server/log';
import type { Command } from '../replica/command.ts';

export interface ValuesHost {
  /** The log of the replica. */
  readonly log: MemoryLog;
  ask(command: Command): Promise<unknown>;
  /** Throws if the log was closed. */
  checkOpen(): void;
  /** Resolves when time has done its part. */
  settle(): Promise<void>;
  /** Resolves when the replica has everything that was stored before the call, and time has done its part. */
  current(): Promise<void>;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (change: ValuesChange) => void;
  stop: () => void;
}

/** The values of the log: changes go through the stream, and questions are answered by the replica, which is another one now and then. */
export class NatsValues implements StoredValues {
  readonly #host: ValuesHost;
  readonly #watchers = new Set<Watcher>();

  constructor(host: ValuesHost) {
    this.#host = host;
  }

  async get(name: string): Promise<string | undefined> {
    this.#host.checkOpen();
    await this.#host.settle();
    const known = await this.#host.log.values.get(name);
    if (known !== undefined) return known;
    // Another node may have set it just now.
    await this.#host.current();
    return await this.#host.log.values.get(name);
  }

  async set(name: string, value: string, options: SetOptions = {}): Promise<void> {
    this.#host.checkOpen();
    KeptValues.check(name, value, options);
    await this.#host.ask({ op: 'set value', name, value, options });
  }

  async remove(name: string): Promise<boolean> {
    this.#host.checkOpen();
    return (await this.#host.ask({ op: 'remove value', name })) as boolean;
  }

  async list(prefix: string): Promise<readonly StoredValue[]> {
    this.#host.checkOpen();
    await this.#host.current();
    return await this.#host.log.values.list(prefix);
  }

  watch(prefix: string, onChange: (change: ValuesChange) => void): () => void {
    const watcher: Watcher = { prefix, onChange, stop: this.#host.log.values.watch(prefix, onChange) };
    this.#watchers.add(watcher);
    return () => {
      watcher.stop();
      this.#watchers.delete(watcher);
    };
  }

  /** The replica is another one. */
  changed(log: MemoryLog): void {
    for (const watcher of this.#watchers) {
      watcher.stop();
      watcher.stop = log.values.watch(watcher.prefix, watcher.onChange);
    }
  }

  close(): void {
    for (const { stop } of this.#watchers) stop();
    this.#watchers.clear();
  }
}
