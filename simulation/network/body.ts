import type { FetchResponse } from '@tidings/client';

type BodyStream = NonNullable<FetchResponse['body']>;

/** The body of a response at the client, as far as it has arrived. */
export class Body {
  readonly #onTaken: (bytes: number) => void;
  readonly #onCancel: () => void;
  readonly #chunks: Uint8Array[] = [];
  #waiting:
    | { readonly resolve: (read: { value?: Uint8Array }) => void; readonly reject: (error: Error) => void }
    | undefined;
  #end: 'complete' | Error | undefined;

  /**
   * @param onTaken called with the bytes that the client has read
   * @param onCancel called when it reads no more
   */
  constructor(onTaken: (bytes: number) => void, onCancel: () => void) {
    this.#onTaken = onTaken;
    this.#onCancel = onCancel;
  }

  /** What `fetch` gives out: the part of a web stream that the client uses. */
  get stream(): BodyStream {
    const reader = {
      read: () => this.#read(),
      cancel: () => {
        this.#onCancel();
        return Promise.resolve();
      },
    };
    return { getReader: () => reader } as unknown as BodyStream;
  }

  arrive(chunk: Uint8Array): void {
    if (this.#end) return;
    if (!this.#waiting) return void this.#chunks.push(chunk);
    this.#onTaken(chunk.length);
    this.#waiting.resolve({ value: chunk });
    this.#waiting = undefined;
  }

  end(end: 'complete' | Error): void {
    if (this.#end) return;
    this.#end = end;
    // A connection that is reset loses what was not read.
    if (end !== 'complete') this.#chunks.length = 0;
    if (!this.#waiting) return;
    if (end === 'complete') this.#waiting.resolve({});
    else this.#waiting.reject(end);
    this.#waiting = undefined;
  }

  #read(): Promise<{ value?: Uint8Array }> {
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#onTaken(chunk.length);
      return Promise.resolve({ value: chunk });
    }
    if (this.#end === 'complete') return Promise.resolve({});
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}
