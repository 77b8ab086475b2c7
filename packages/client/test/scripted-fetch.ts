import type { FetchInit, FetchResponse } from '@tidings/client';

/** One request that a `ScriptedFetch` was asked for, answered by the test. */
export interface AskedRequest {
  readonly url: string;
  readonly init: FetchInit;
  /** Answers with an open event stream. */
  open(): void;
  respond(response: Partial<FetchResponse>): void;
  fail(error: unknown): void;
  send(text: string): void;
  end(): void;
  breakOff(error: unknown): void;
  /** How often the body was asked for a chunk. */
  readonly pulls: number;
}

/** A `fetch` whose requests a test answers, step by step. */
export class ScriptedFetch {
  readonly requests: AskedRequest[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly fetch = (url: string, init: FetchInit): Promise<FetchResponse> => {
    return new Promise((resolve, reject) => {
      let controller!: ReadableStreamDefaultController<Uint8Array>;
      let pulls = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          start: (its) => void (controller = its),
          pull: () => void pulls++,
        },
        { highWaterMark: 0 },
      );
      init.signal.addEventListener('abort', () => {
        const reason = init.signal.reason as DOMException;
        reject(reason);
        try {
          controller.error(reason);
        } catch {
          // It has ended already.
        }
      });
      const headers = new Headers({ 'content-type': 'text/event-stream' });
      const respond = (response: Partial<FetchResponse>): void =>
        resolve({ status: 200, url, redirected: false, headers, body, ...response });
      this.requests.push({
        url,
        init,
        open: () => respond({}),
        // Unless the test gives it a body, a refusal has none.
        respond: (response) => respond({ body: null, ...response }),
        fail: reject,
        send: (text) => controller.enqueue(new TextEncoder().encode(text)),
        end: () => controller.close(),
        breakOff: (error) => controller.error(error),
        get pulls() {
          return pulls;
        },
      });
      for (const wake of this.#waiting.splice(0)) wake();
    });
  };

  /** The request of that number, from 0, when it has been made. */
  async request(index: number): Promise<AskedRequest> {
    while (this.requests.length <= index) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.requests[index]!;
  }
}

/** Lets everything that is ready run: promises, streams, immediates. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
