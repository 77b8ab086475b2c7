import type { ByteSource, ByteStream } from '@tidings/wire';

/** A body as responses have it: a web stream or, from node-fetch and from undici's `request`, a stream that can only be iterated. */
export type Body = ByteSource;

/** What reads the body of a response. The reader of a web stream is one. */
export interface BodyReader {
  read(): Promise<{ readonly value?: Uint8Array | undefined }>;
  /** Gives the rest of the body up. */
  cancel(): Promise<unknown>;
}

/** Begins to read a body. Returns `undefined` where there is nothing that can be read piece by piece. */
export function readBody(body: Body | null | undefined): BodyReader | undefined {
  // Not every platform can iterate a web stream, and its reader can be cancelled while it waits.
  if ((body as ByteStream | null)?.getReader) return (body as ByteStream).getReader();
  const iterator = (body as AsyncIterable<Uint8Array> | null)?.[Symbol.asyncIterator]?.();
  return (
    iterator && {
      read: () => iterator.next(),
      cancel: async () => iterator.return?.(),
    }
  );
}
