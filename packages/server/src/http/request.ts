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
  /** The request as the server or framework gave it: a `Request`, or Node's, with whatever was put on it before. */
  readonly original?: unknown;
}

const QUERY_ID = /[?&]last(?:EventId|_event_id)=/;

/** The head of a Fetch request. `address` is for those who know it: a `Request` does not say. */
export function fetchHead(request: Request, address?: string): RequestHead {
  return {
    method: request.method,
    url: request.url,
    header(name) {
      const value = request.headers.get(name);
      return value === null ? undefined : utf8Value(value);
    },
    address,
    original: request,
  };
}

/**
 * Where a listener wants to go on: its `Last-Event-ID`, else `lastEventId` or `last_event_id` in the query, which is what a page can
 * give the first connection of an `EventSource`; an empty string where there is none.
 */
export function lastEventIdOf(head: RequestHead): string {
  const sent = head.header('last-event-id');
  if (sent !== undefined && sent !== '') return sent;
  const { url } = head;
  const query = url.indexOf('?');
  // Most requests have none, and need not be parsed.
  if (query === -1 || !QUERY_ID.test(url)) return '';
  const end = url.indexOf('#', query);
  const parameters = new URLSearchParams(url.slice(query + 1, end === -1 ? undefined : end));
  return parameters.get('lastEventId') ?? parameters.get('last_event_id') ?? '';
}

const BEYOND_ASCII = /[\u0080-\u00ff]/;
const BEYOND_BYTES = /[\u0100-\uffff]/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A header field's value. Servers give its bytes as Latin-1, but an id is sent in UTF-8 ([spec] 9.2.3); what is no UTF-8 stays as
 * it is.
 */
export function utf8Value(value: string): string {
  if (!BEYOND_ASCII.test(value) || BEYOND_BYTES.test(value)) return value;
  try {
    return decoder.decode(Uint8Array.from(value, (character) => character.charCodeAt(0)));
  } catch {
    return value;
  }
}
