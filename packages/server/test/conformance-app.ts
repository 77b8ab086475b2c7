import { Channel, type FetchEventStreamOptions } from '@tidings/server';
import type { EventStreamHandle, EventStreamSource } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';

/** Alike enough to refer to each other, and one that is longer than a block of any coding. */
export const CODED_EVENTS: readonly EventFields[] = Array.from({ length: 120 }, (_, n) => ({
  id: String(n),
  data: n === 60 ? 'long '.repeat(40_000) : `{"sensor":"boiler-${n % 7}","celsius":${60 + n / 8},"on":true}`,
}));

/** What an adapter answers a request with: (req, res) forms give a promise, Fetch forms a response. */
export interface Tools<Result> {
  eventStream(source: EventStreamSource, options: FetchEventStreamOptions): Result;
  respond(channel: Channel): Result;
}

/** The options that a form for (req, res) has: its promises tell of errors. */
export function optionsOfNode(options: FetchEventStreamOptions): Omit<FetchEventStreamOptions, 'onError'> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'onError'));
}

export const ALLOWED_ORIGIN = 'https://allowed.example';

/** As long as a kernel buffers little of it. */
export const FLOOD_BYTES = 64 * 1024;

/**
 * The one program that every adapter serves. It runs in the tests' process, or in one of another runtime: it is told what to do in
 * commands, and tells what happens in facts, which are lines of text.
 */
export class ConformanceApp {
  readonly #tell: (fact: string) => void;
  readonly #channel = new Channel({ keepAliveMs: 20, cors: { origins: [ALLOWED_ORIGIN] } });
  readonly #closed = new Channel();
  /** What each source that waits for a command is let go with. */
  readonly #waiting = new Map<string, () => void>();
  readonly #floods = new Map<string, number>();

  constructor(tell: (fact: string) => void) {
    this.#tell = tell;
  }

  /** Answers a request for a path such as `/wait?key=1`; the key is in every fact that it causes. */
  answer<Result extends Promise<void> | Response | Promise<Response>>(target: string, tools: Tools<Result>): Result {
    const { pathname, searchParams } = new URL(target, 'http://test');
    const key = searchParams.get('key') ?? '';
    if (pathname === '/channel') return tools.respond(this.#channel);
    if (pathname === '/closed') return tools.respond(this.#closed);
    const result = tools.eventStream(this.#source(pathname, key), {
      ...this.#options(pathname),
      onError: (error) => this.#tell(`rejected ${key}: ${(error as Error).message}`),
    });
    if (result instanceof Promise) {
      void (result as Promise<unknown>).then(
        () => this.#tell(`fulfilled ${key}`),
        (error: unknown) => this.#tell(`rejected ${key}: ${(error as Error).message}`),
      );
    }
    return result;
  }

  /** Does what a command says. */
  command(line: string): void {
    const [name = '', ...words] = line.split(' ');
    if (name === 'go') this.#waiting.get(words.join(' '))?.();
    else if (name === 'made') this.#tell(`made ${words[0]} ${this.#floods.get(words[0]!) ?? 0}`);
    else if (name === 'listeners') this.#tell(`listeners ${this.#channel.listeners}`);
    else if (name === 'close') void this.#closed.close({ data: 'bye', id: 'last' }).then(() => this.#tell('closed'));
    else if (name === 'publish') {
      const [id = '', data = ''] = words;
      void this.#channel.publish({ id, data }).then(() => this.#tell(`published ${id}`));
    } else throw new Error(`No command: ${line}`);
  }

  #options(pathname: string): FetchEventStreamOptions {
    if (pathname === '/alive') return { keepAliveMs: 20 };
    if (pathname === '/cors') {
      return { cors: { origins: [ALLOWED_ORIGIN], credentials: true }, headers: { 'X-Test': 'yes' } };
    }
    if (pathname === '/coded') return { compression: true };
    if (pathname === '/bad') return { keepAliveMs: -1 };
    if (pathname === '/ignored') return { maxBacklogBytes: 100_000 };
    return {};
  }

  #source(pathname: string, key: string): EventStreamSource {
    if (pathname === '/steps') return () => this.#steps(key);
    if (pathname === '/throw') return () => this.#throwing(key);
    if (pathname === '/end') return ending();
    if (pathname === '/coded') return coded();
    if (pathname === '/flood') return () => this.#flood(key);
    if (pathname === '/busy') return () => this.#busy(key);
    if (pathname === '/callback') return (stream) => this.#callback(key, stream);
    if (pathname === '/rejected') return () => Promise.reject(new Error('the callback broke'));
    if (pathname === '/ignored') return (stream) => this.#ignored(key, stream);
    return (stream) => this.#wait(key, stream);
  }

  #go(key: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(key, resolve);
      this.#tell(`waiting ${key}`);
    });
  }

  /** An event for each command. */
  async *#steps(key: string): AsyncGenerator<EventFields> {
    for (let n = 1; ; n += 1) {
      await this.#go(key);
      yield { id: String(n), event: 'step', data: `${n}\nof many` };
    }
  }

  async *#wait(key: string, { signal, lastEventId }: EventStreamHandle): AsyncGenerator<EventFields> {
    try {
      yield { data: `from ${lastEventId}` };
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } finally {
      this.#tell(`finally ${key}`);
    }
  }

  /** Waits for something of its own and pays no heed to the signal. */
  async *#busy(key: string): AsyncGenerator<EventFields> {
    try {
      yield { data: '1' };
      await this.#go(key);
    } finally {
      this.#tell(`finally ${key}`);
    }
  }

  async *#throwing(key: string): AsyncGenerator<EventFields> {
    yield { data: '1' };
    await this.#go(key);
    throw new Error('the source broke');
  }

  async *#flood(key: string): AsyncGenerator<EventFields> {
    try {
      for (let n = 1; ; n += 1) {
        this.#floods.set(key, n);
        yield { data: 'x'.repeat(FLOOD_BYTES) };
      }
    } finally {
      this.#tell(`finally ${key}`);
    }
  }

  #callback(key: string, stream: EventStreamHandle): void {
    stream.signal.addEventListener('abort', () => {
      // Nothing of this may hang or reject.
      void stream.send({ data: 'too late' }).then(() => this.#tell(`aborted ${key}`));
    });
    try {
      void stream.send({ id: 'a\nb' });
    } catch (error) {
      void stream.send({ data: (error as { code: string }).code });
    }
    void this.#go(key).then(async () => {
      await stream.send({ data: 'second' });
      stream.close();
    });
  }

  /** Sends without waiting, to whoever does not read. */
  #ignored(key: string, stream: EventStreamHandle): void {
    const more = (): void => {
      if (stream.signal.aborted) return;
      this.#floods.set(key, (this.#floods.get(key) ?? 0) + 1);
      void stream.send({ data: 'x'.repeat(FLOOD_BYTES) });
      setTimeout(more, 0);
    };
    more();
  }
}

async function* ending(): AsyncGenerator<EventFields> {
  yield { data: '1' };
  yield { data: '2' };
}

async function* coded(): AsyncGenerator<EventFields> {
  yield* CODED_EVENTS;
}
