import { checkAddress, checkRequest } from './request-check.ts';

/** The head of a request, from any server or framework. */
export interface RequestHead {
  /** The method in capitals, such as `GET`. */
  readonly method: string;
  /** The URL: absolute, or only the target of the request line, which is the part after the host. */
  readonly url: string;
  /** Returns the value of a header field, or undefined if it was not sent. The name is in small letters. Bytes that are valid UTF-8 are read as UTF-8. */
  header(name: string): string | undefined;
  /** Returns the names of all header fields, in small letters. */
  headerNames?(): readonly string[];
  /** The network address of the client, if it is known. */
  readonly address?: string | undefined;
  /**
   * An object that has the address for as long as the connection lasts. Reading the address costs memory, because a socket of Node keeps the result.
   * An address that is needed only later is read from here then.
   */
  readonly peer?: { readonly remoteAddress?: string | undefined } | undefined;
  /** Calls back, once, if the other side goes away before it was answered. Returns a function that ends that. */
  onGone?(gone: () => void): () => void;
  /** The request of the server or framework: a `Request`, or one of Node, with everything that middleware has added to it. */
  readonly original?: unknown;
}

/**
 * The request of each signal that is used. A request of Node aborts its signal only as long as the request itself is in memory, and a framework may drop it
 * when it has been answered, long before the end of a stream.
 */
const requests = new WeakMap<AbortSignal, Request>();

/**
 * The head of a Fetch request.
 * @param address the network address of the client, if your server knows it. A `Request` does not have it
 * @throws {ServerError} `ERR_INVALID_OPTION` if the request is not one of the Fetch API, or the address is not a string
 */
export function fetchHead(request: Request, address?: string): RequestHead {
  checkRequest(request);
  checkAddress(address);
  const { signal } = request;
  requests.set(signal, request);
  return {
    method: request.method,
    url: request.url,
    header(name) {
      const value = request.headers.get(name);
      return value === null ? undefined : utf8Value(value);
    },
    headerNames: () => [...request.headers.keys()],
    address,
    onGone(gone) {
      if (signal.aborted) gone();
      else signal.addEventListener('abort', gone, { once: true });
      return () => signal.removeEventListener('abort', gone);
    },
    original: request,
  };
}

const BEYOND_ASCII = /[\u0080-\u00ff]/;
const BEYOND_BYTES = /[\u0100-\uffff]/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The value of a header field. Servers decode its bytes as Latin-1, but an id is sent in UTF-8 ([spec] 9.2.3). Bytes that are not UTF-8 stay as
 * they are.
 */
export function utf8Value(value: string): string {
  if (!BEYOND_ASCII.test(value) || BEYOND_BYTES.test(value)) return value;
  try {
    return decoder.decode(Uint8Array.from(value, (character) => character.charCodeAt(0)));
  } catch {
    return value;
  }
}
