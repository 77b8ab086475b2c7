import { InvalidOptionError } from './client-error.ts';

/** A body that can be sent again at each try. A stream cannot. */
export type RequestBody = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | FormData | URLSearchParams;

export interface EncodedBody {
  readonly content: string | Uint8Array<ArrayBuffer>;
  /** What fetch would say it is. */
  readonly contentType: string | null;
}

/**
 * Turns a body into what every transport can send. A blob or form is read into memory.
 * @throws InvalidOptionError where it cannot be sent again
 */
export async function encodeBody(body: RequestBody): Promise<EncodedBody> {
  checkBody(body);
  if (typeof body === 'string') return { content: body, contentType: 'text/plain;charset=UTF-8' };
  if (body instanceof Uint8Array) return { content: body as Uint8Array<ArrayBuffer>, contentType: null };
  const read = new Response(body);
  return { content: new Uint8Array(await read.arrayBuffer()), contentType: read.headers.get('content-type') };
}

/** @throws InvalidOptionError where it cannot be sent, or not again */
export function checkBody(body: unknown): asserts body is RequestBody {
  if (typeof body === 'string' || body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return;
  if (body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams) return;
  const found = Object.prototype.toString.call(body).slice(8, -1);
  throw new InvalidOptionError(
    `body has to be one that can be sent again: a string, bytes, a Blob, FormData or URLSearchParams; found ${found}`,
  );
}
