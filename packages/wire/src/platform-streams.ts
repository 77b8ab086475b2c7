// The streams that a program's libraries describe: those of the DOM, of workers or of Node. The name of a type that they lack would be an
// error or, with `skipLibCheck`, `any`. So the types are taken from the body of a `Response`, where there is one.

/** A stream that can be read, of a program whose libraries describe none. */
export interface ReadableLike<T> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
    cancel(reason?: unknown): Promise<void>;
    releaseLock(): void;
  };
  pipeThrough<U>(pair: { readonly readable: ReadableLike<U>; readonly writable: WritableLike<T> }): ReadableLike<U>;
  pipeTo(destination: WritableLike<T>): Promise<void>;
}

/** A stream that can be written to, of such a program. */
export interface WritableLike<T> {
  getWriter(): {
    write(chunk: T): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
    releaseLock(): void;
  };
}

type Body = typeof globalThis extends { Response: { prototype: { body: infer Stream } } }
  ? NonNullable<Stream>
  : ReadableLike<Uint8Array>;

// Only the compiler sees these two: they give the type of a stream its parameter.
declare const body: Body;
declare const bytes: PlatformReadable<Uint8Array>;

/** The platform's `ReadableStream<T>`. */
export type PlatformReadable<T> = ReturnType<typeof body.pipeThrough<T>>;

/** The platform's `WritableStream<Uint8Array>`. */
export type PlatformWritable = Parameters<typeof bytes.pipeTo>[0];
