import type { Rights } from '@tidings/server';
import { fetchHead, type RequestHead } from '@tidings/server/live';
import { codingOf, decodeBody } from './content-coding.ts';
import { Problem } from './problem.ts';

/** A request in the form that the hub reads, from any server. Its `url` is absolute, with the host that the client requested. */
export interface HubRequest extends RequestHead {
  readonly body: AsyncIterable<Uint8Array>;
}

/** A request together with its URL and its rights. */
export interface Exchange {
  readonly request: HubRequest;
  readonly url: URL;
  readonly rights: Rights;
}

/** Returns a `HEAD` request as a request with `GET`. */
export function asGet(request: HubRequest): HubRequest {
  // Not a copy: some members are made only when they are read.
  return Object.create(request, { method: { value: 'GET', enumerable: true } }) as HubRequest;
}

/** Converts the request of a Fetch server. */
export function fromRequest(request: Request): HubRequest {
  return { ...fetchHead(request), body: chunks(request.body) };
}

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (body) yield* body;
}

/**
 * Reads the parts of a request's body and undoes its content coding. A client that breaks it off is no failure of the hub. The signal ends the wait for
 * a part that never comes.
 * @throws {Problem} `invalid-event`, `unsupported-coding`; `draining` if the signal is aborted
 */
export async function* bodyParts(request: HubRequest, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { parts, end } = decodeBody(request);
  let stop = (): void => {};
  const stopped = new Promise<'stopped'>((resolve) => {
    stop = () => resolve('stopped');
  });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for (;;) {
      const step = await Promise.race([parts.next(), stopped]);
      if (step === 'stopped') throw draining();
      if (step.done === true) return;
      yield step.value;
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('invalid-event', 'The body was broken off before its end', { cause: error });
  } finally {
    end();
    signal.removeEventListener('abort', stop);
  }
}

/** Reads a whole body. @throws {Problem} `too-large`, and what {@link bodyParts} throws */
export async function readBody(request: HubRequest, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // What it says of itself is believed where it is too much: then nothing of it needs to come.
  if (declaredLength(request) > maxBytes) throw tooLarge(maxBytes);
  for await (const part of bodyParts(request, signal)) {
    length += part.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  const [first] = parts;
  return first && parts.length === 1 ? first : Buffer.concat(parts);
}

/** The length that a request declares for its body, or 0 if it declares none. */
function declaredLength(request: HubRequest): number {
  const isPlain = codingOf(request.header('content-encoding')) === 'identity';
  return isPlain ? Number(request.header('content-length') ?? 0) : 0;
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('too-large', `The body is larger than the ${maxBytes} bytes that are allowed`);
}

/** The answer to a request while the hub shuts down. */
export function draining(): Problem {
  return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' } });
}
