import { ServerError } from '../../errors.ts';
import { checkHeaders } from '../../http/head.ts';

/** Header fields of requests to a hub, or a function that gives them for each request. */
export type HubHeaders = HeaderFields | (() => HeaderFields | Promise<HeaderFields>);

type HeaderFields = Readonly<Record<string, string>>;

/** What each request sets as it needs it. */
const OWN = new Set(['accept', 'idempotency-key', 'tidings-lease']);

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkHubHeaders(headers: HeaderFields = {}): HeaderFields {
  const own = Object.keys(checkHeaders(headers)).find((name) => OWN.has(name.toLowerCase()));
  if (own === undefined) return headers;
  const message = `The header field ${JSON.stringify(own)} of the option headers is not allowed: runs themselves set it`;
  throw new ServerError('ERR_INVALID_OPTION', message);
}

/** @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the function throws */
export async function headersFor(headers: HubHeaders): Promise<HeaderFields> {
  return typeof headers === 'function' ? checkHubHeaders(await headers()) : headers;
}
