/** What is known of a request before it is answered, whatever framework brought it. */
export interface RequestHead {
  /** In capitals, such as `GET`. */
  readonly method: string;
  /** Absolute, or the target of the request line: what comes behind the host. */
  readonly url: string;
  /** The value of a header field, undefined where it was not sent. The name is in small letters. Bytes that are UTF-8 are read as that. */
  header(name: string): string | undefined;
  /** The network address of the other side, where it is known. */
  readonly address?: string | undefined;
  /**
   * What has the address for as long as the connection lasts, where asking for it costs memory: a socket of Node's keeps what it was asked.
   * An address that is only needed later is taken from here then.
   */
  readonly peer?: { readonly remoteAddress?: string | undefined } | undefined;
  /** Calls back, once, when the other side goes away before it was answered. Gives what ends that. */
  onGone?(gone: () => void): () => void;
  /** The request as the server or framework gave it: a `Request`, or Node's, with whatever was put on it before. */
  readonly original?: unknown;
}

/**
 * The head of a Fetch request.
 * @param address the network address of the other side, for those who know it: a `Request` does not have it
 */
export function fetchHead(request: Request, address?: string): RequestHead {
  const { signal } = request;
  return {
    method: request.method,
    url: request.url,
    header(name) {
      const value = request.headers.get(name);
      return value === null ? undefined : utf8Value(value);
    },
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
 * A header field's value. Servers give its bytes as Latin-1, but an id is sent in UTF-8 ([spec] 9.2.3). Bytes that are not UTF-8 stay as
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
