import { check } from '../platform/option-check.ts';

/** A body that can be sent again at each try. A stream cannot. */
export type RequestBody = string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | FormData | URLSearchParams;

/** @throws InvalidOptionError where it cannot be sent again, or not by this method */
export function checkBody(body: unknown, method: unknown): void {
  if (body === undefined) return;
  const kinds = [ArrayBuffer, Blob, FormData, URLSearchParams];
  const isBody = typeof body === 'string' || ArrayBuffer.isView(body) || kinds.some((kind) => body instanceof kind);
  check(isBody, 'body', 'a string, bytes, a Blob, FormData or URLSearchParams', body);
  check(!/^(?:GET|HEAD)$/i.test(method as string), 'body', `left out where method is ${method as string}`, 'one');
}
