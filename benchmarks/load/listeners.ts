import { Child } from '../parts/child.ts';
import { compile } from '../parts/compile.ts';

const SINK_C = new URL('sink.c', import.meta.url);
const SINK_NODE = new URL('sink.ts', import.meta.url);

export interface ListenersOptions {
  readonly port: number;
  readonly count: number;
  /** Path and query of the request. */
  readonly target: string;
  /** How many may be on their way in at once. @default 100 */
  readonly window?: number;
}

/** Listeners in a process of their own, which counts what each of them gets. */
export class Listeners {
  readonly #sink: Child;
  /** Fulfils when each has had a first byte. */
  readonly connected: Promise<void>;

  constructor({ port, count, target, window = 100 }: ListenersOptions) {
    const program = compile(SINK_C);
    this.#sink = program ? new Child(program, []) : Child.node(SINK_NODE);
    this.connected = this.#sink.ask(`connect ${port} ${count} ${window} ${target}`).then(() => {});
  }

  /** Waits until each has had so many events more than before, one at least, and gives the bytes that they came in, the same for all or the most. */
  async expect(events: number): Promise<number> {
    const [, , bytes] = (await this.#sink.ask(`expect ${events}`)).split(' ');
    return Number(bytes);
  }

  /** Closes the connections. */
  async leave(): Promise<void> {
    await this.#sink.stop();
  }
}

/** What the listeners are made of, for the line above a table. */
export function sinkName(): string {
  return compile(SINK_C) ? 'a C program with epoll' : 'a Node program, since there is no gcc or no epoll';
}
