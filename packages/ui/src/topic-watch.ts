import type { ReadonlySignal, Signal } from '@preact/signals';
import { directoryUrl } from './address.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import type { Connection } from './connection.ts';
import { LiveStream } from './live-stream.ts';
import { readDirectory } from './topic-directory.ts';
import type { TopicDirectory } from './topic-directory.ts';

/** Keeps a list of topics up to date (PROTOCOL §7). */
export class TopicWatch {
  readonly #monitor = new ConnectionMonitor();
  readonly #stream: LiveStream;

  constructor(base: string, directory: Signal<TopicDirectory | undefined>) {
    this.#stream = new LiveStream(directoryUrl(base), {
      onEvent: (event) => {
        if (event.type === 'topics') directory.value = readDirectory(event.data) ?? directory.peek();
      },
      onConnection: (input) => this.#monitor.take(input),
    });
  }

  get connection(): ReadonlySignal<Connection> {
    return this.#monitor.connection;
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  close(): void {
    this.#stream.close();
    this.#monitor.reset();
  }
}
