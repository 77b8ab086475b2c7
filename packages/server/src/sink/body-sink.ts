import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';

// How many bytes a body may hold before a source or a replay pauses.
const HIGH_WATER_MARK = 64 * 1024;

const BROKEN_OFF = 'The event stream was broken off';

/** The body of a Response and the sink that fills it. */
export interface BodySink {
  readonly body: ReadableStream<Uint8Array>;
  readonly sink: Sink;
}

/** A sink that writes to the body of a Response. If the signal of its request is aborted, the listener has gone. */
export function bodySink(signal?: AbortSignal): BodySink {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let paused = false;
  let hasEnded = false;
  const finish = (how: (open: ReadableStreamDefaultController<Uint8Array>) => void): void => {
    const open = controller;
    controller = undefined;
    paused = false;
    if (!open) return;
    // A signal may outlive its request, and would keep the body.
    signal?.removeEventListener('abort', left);
    how(open);
    // Later, as a socket would, so that code that ends a stream is not called back meanwhile.
    queueMicrotask(() => sink.onClose());
  };
  // What has not been read has not reached the listener, which can still be broken off.
  const closeIfRead = (): void => {
    if (hasEnded && controller?.desiredSize === HIGH_WATER_MARK) finish((open) => open.close());
  };
  const sink: Sink = {
    get backlog() {
      return controller ? HIGH_WATER_MARK - (controller.desiredSize ?? HIGH_WATER_MARK) : 0;
    },
    get needsDrain() {
      return paused;
    },
    write(chunk: SharedChunk): void {
      if (!controller || hasEnded) return;
      // A copy, also of a Buffer, whose `slice()` makes none: the reader of a body may transfer its buffers, and these are shared.
      controller.enqueue(new Uint8Array(chunk.bytes));
      // A reader that fails on the bytes can have given the body up by now (Deno).
      paused = controller !== undefined && (controller.desiredSize ?? 1) <= 0;
    },
    end(): void {
      hasEnded = true;
      closeIfRead();
    },
    destroy(): void {
      finish((open) => open.error(new Error(BROKEN_OFF)));
    },
    onDrain: () => {},
    onClose: () => {},
  };
  // The server gives the body up by itself, and may take an error that comes first for one of the program's. Where it does not, its
  // reader must not wait for ever.
  const left = (): void => finish((open) => setTimeout(() => open.error(new Error(BROKEN_OFF)), 0));
  const body = new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
      },
      pull() {
        closeIfRead();
        if (!paused) return;
        paused = false;
        sink.onDrain();
      },
      cancel() {
        finish(() => {});
      },
    },
    { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk.byteLength },
  );
  signal?.addEventListener('abort', left, { once: true });
  if (signal?.aborted) left();
  return { body, sink };
}
