import type { Rights } from '@tidings/server';
import { fetchHead, type RequestHead } from '@tidings/server/live';
import { codingOf, decodeBody } from './content-coding.ts';
import { Problem } from './problem.ts';

/** A request as the hub reads it, whichever server it came through. Its `url` is absolute, with the host that the client asked for. */
export interface HubRequest extends RequestHead {
  readonly body: AsyncIterable<Uint8Array>;
}

/** A request on its way through the hub: what was found out about it so far. */
export interface Exchange {
  readonly request: HubRequest;
  readonly url: URL;
  readonly rights: Rights;
}

/** A `HEAD` request as the `GET` request whose head is asked for. */
export function asGet(request: HubRequest): HubRequest {
  // What the request finds out when it is asked is found out still.
  return Object.create(request, { method: { value: 'GET', enumerable: true } }) as HubRequest;
}

/** A Fetch server's request. */
export function fromRequest(request: Request): HubRequest {
  return { ...fetchHead(request), body: chunks(request.body) };
}

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (body) yield* body;
}

/**
 * The parts of a request's body, without their content coding. A client that breaks it off is no failure of the hub. The signal ends the wait for a part that may never come.
 * @throws {Problem} `invalid-event`, `unsupported-coding`, and `draining` where the signal was aborted
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

/** Reads a body whole. @throws {Problem} `too-large`, and what {@link bodyParts} throws */
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

/** How long a body will be; 0 where that is not known. */
function declaredLength(request: HubRequest): number {
  const isPlain = codingOf(request.header('content-encoding')) === 'identity';
  return isPlain ? Number(request.header('content-length') ?? 0) : 0;
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('too-large', `The body is larger than the ${maxBytes} bytes that are allowed`);
}

/** What a request is answered while the hub shuts down. */
export function draining(): Problem {
  return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' } });
}
