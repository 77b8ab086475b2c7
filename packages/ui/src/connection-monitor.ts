import { signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import { FIRST_CONNECTION, nextConnection, NOTE_MS } from './connection.ts';
import type { Connection, ConnectionInput } from './connection.ts';

/** The state of one stream as a signal, and the timer that ends the note about its return. */
export class ConnectionMonitor {
  readonly #connection: Signal<Connection> = signal(FIRST_CONNECTION);
  #noteTimer: ReturnType<typeof setTimeout> | undefined;

  get connection(): ReadonlySignal<Connection> {
    return this.#connection;
  }

  take(input: ConnectionInput): void {
    const before = this.#connection.peek();
    const after = nextConnection(before, input);
    this.#connection.value = after;
    if (after.returnedAt === before.returnedAt) return;
    clearTimeout(this.#noteTimer);
    if (after.returnedAt !== undefined) this.#noteTimer = setTimeout(() => this.take({ kind: 'note-shown' }), NOTE_MS);
  }

  /** Forgets the old state, before another stream is opened or none. */
  reset(): void {
    clearTimeout(this.#noteTimer);
    this.#connection.value = FIRST_CONNECTION;
  }
}
