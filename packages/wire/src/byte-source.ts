/** The part of a `ReadableStream` that is used. Those of browsers, of `node:stream/web` and of polyfills have it. */
export interface ByteStream {
  getReader(): ByteReader;
}

export interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

/** Where the bytes of an event stream come from. */
export type ByteSource = ByteStream | AsyncIterable<Uint8Array>;
