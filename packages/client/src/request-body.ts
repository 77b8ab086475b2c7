import { check } from './option-check.ts';

/** A body that can be sent again at each try. A stream cannot. */
export type RequestBody = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | FormData | URLSearchParams;

export interface EncodedBody {
  readonly content: string | Uint8Array<ArrayBuffer>;
  /** What fetch would say it is. */
  readonly contentType: string | null;
}

/**
 * Turns a body into what every transport can send. A blob or form is read into memory.
 * @throws InvalidOptionError
 */
export async function encodeBody(body: RequestBody, method: string): Promise<EncodedBody> {
  checkBody(body, method);
  const read = new Response(body);
  const contentType = read.headers.get('content-type');
  return {
    content: typeof body === 'string' ? body : new Uint8Array(await read.arrayBuffer()),
    contentType,
  };
}

/** @throws InvalidOptionError where it cannot be sent again, or not by this method */
export function checkBody(body: unknown, method: string): void {
  const kinds = [ArrayBuffer, Blob, FormData, URLSearchParams];
  const isBody = typeof body === 'string' || ArrayBuffer.isView(body) || kinds.some((kind) => body instanceof kind);
  check(isBody, 'body', 'a string, bytes, a Blob, FormData or URLSearchParams, which can be sent again', body);
  check(!/^(?:GET|HEAD)$/i.test(method), 'body', `left out where method is ${method}`, 'one');
}
