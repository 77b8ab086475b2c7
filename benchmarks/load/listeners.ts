import { keepOn } from '../parts/affinity.ts';
import { Child } from '../parts/child.ts';
import { compile } from '../parts/compile.ts';

const SINK_C = new URL('sink.c', import.meta.url);
const SINK_NODE = new URL('sink.ts', import.meta.url);

export interface ListenersOptions {
  readonly port: number;
  readonly count: number;
  /** Path and query of the request. With gcc, `{n}` in it is the number of the listener, from 0, and `{t}` a tenth of that. */
  readonly target: string;
  /** What the request has besides. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** How many may be on their way in at once. @default 100 */
  readonly window?: number;
  /** Whether they read their first byte and never again. Only where there is gcc. @default false */
  readonly deaf?: boolean;
}

/** How long ago the events that arrived were published, in milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

/** Listeners in a process of their own, which counts what each of them gets. */
export class Listeners {
  readonly #sink: Child;
  /** Fulfils when each has had a first byte. */
  readonly connected: Promise<void>;

  constructor({ port, count, target, headers = {}, window = 100, deaf = false }: ListenersOptions) {
    const program = compile(SINK_C);
    this.#sink = program ? new Child(program, []) : Child.node(SINK_NODE);
    for (const [name, value] of Object.entries(headers)) this.#sink.tell(`header ${name}: ${value}`);
    if (deaf) this.#sink.tell('deaf');
    this.connected = this.#sink.ask(`connect ${port} ${count} ${window} ${target}`).then(() => {});
  }

  /** Waits until each has had this many more events, at least one, and returns their bytes: the same for all, or the most. */
  async expect(events: number): Promise<number> {
    return mostOf(await this.#sink.ask(`expect ${events}`));
  }

  /** Waits until each has had this many more bytes, and fails the run if one has had more. Needs gcc. */
  async expectBytes(bytes: number): Promise<number> {
    return mostOf(await this.#sink.ask(`bytes ${bytes}`));
  }

  /** Waits until nothing comes any more. What comes from here on counts for {@link expectBytes}. Only where there is gcc. */
  async settle(): Promise<void> {
    await this.#sink.ask('settle');
  }

  /** Waits until nothing comes any more, and fails the run unless all have had the same bytes since {@link settle}. Only where there is gcc. */
  async compare(): Promise<void> {
    await this.#sink.ask('compare');
  }

  /** Latencies of the stamped events since the last call. Needs gcc. */
  async latencies(): Promise<Latencies> {
    const [p50 = 0, p99 = 0, max = 0, count = 0] = (await this.#sink.ask('latencies')).split(' ').map(Number);
    return { p50: p50 / 1000, p99: p99 / 1000, max: max / 1000, count };
  }

  /** Lets its process run on some cores only, as `taskset` takes them. */
  keepOn(cores: string): void {
    keepOn(this.#sink.pid, cores);
  }

  /** Ends its process at once, so that the system closes the connections. */
  async kill(): Promise<void> {
    this.#sink.end('SIGKILL');
    await this.#sink.stop();
  }

  /** Closes the connections. */
  async leave(): Promise<void> {
    await this.#sink.stop();
  }
}

function mostOf(got: string): number {
  return Number(got.split(' ')[2]);
}

/** Whether the listeners are the C program, which can do more than count. */
export function hasSinkInC(): boolean {
  return compile(SINK_C) !== undefined;
}

/** What the listeners are made of, for the line above a table. */
export function sinkName(): string {
  return hasSinkInC() ? 'a C program with epoll' : 'a Node program, since there is no gcc or no epoll';
}
