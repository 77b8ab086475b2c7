import type { ReadonlySignal, Signal } from '@preact/signals';
import { directoryUrl } from './address.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import type { Connection } from './connection.ts';
import { LiveStream } from './live-stream.ts';
import { fetchDirectory } from './topic-search.ts';
import { readDirectory } from './topic-directory.ts';
import type { TopicDirectory } from './topic-directory.ts';

/** Keeps a list of topics up to date (PROTOCOL §7). */
export class TopicWatch {
  readonly #monitor = new ConnectionMonitor();
  readonly #stream: LiveStream;
  #hasNewer = false;

  constructor(base: string, directory: Signal<TopicDirectory | undefined>) {
    void this.#load(base, directory);
    this.#stream = new LiveStream(
      { url: directoryUrl(base) },
      {
        onEvent: (event) => {
          if (event.type !== 'topics') return;
          this.#hasNewer = true;
          directory.value = readDirectory(event.data) ?? directory.peek();
        },
        onConnection: (input) => {
          // Who may not have the list any more is not shown an old one.
          if (input.kind === 'closed') directory.value = undefined;
          this.#monitor.take(input);
        },
      },
    );
  }

  /** A tab that follows the stream of another one gets only later changes of its state. The stream reports a failure. */
  async #load(base: string, directory: Signal<TopicDirectory | undefined>): Promise<void> {
    const found = await fetchDirectory(directoryUrl(base));
    if (found !== undefined && !this.#hasNewer) directory.value = found;
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#monitor.connection;
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  close(): void {
    this.#hasNewer = true;
    this.#stream.close();
    this.#monitor.reset();
  }
}
