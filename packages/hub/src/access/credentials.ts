import type { RequestHead } from '@tidings/server/live';
import { Problem } from '../http/problem.ts';
import { unauthorized } from './refusal.ts';

/** What a request has to show who sends it, and where it has that. */
export interface Credentials {
  readonly carrier: 'header' | 'cookie' | 'query';
  /** A key, a token, or a ticket if it is in the query. */
  readonly text: string;
}

/** Query parameters by which clients send tokens elsewhere. */
const TOKEN_PARAMETERS = ['authorization', 'access_token', 'token', 'jwt', 'auth'];

/**
 * What `Authorization: Bearer` has. Undefined if the field is missing or of another scheme, which is that of a proxy.
 * @param refusal makes the problem of a field that shows nothing and was meant to: its sender would be taken for nobody, and not be told
 * @throws {Problem} what `refusal` makes
 */
export function bearerOf(request: RequestHead, refusal: (detail: string) => Problem): string | undefined {
  const header = request.header('authorization') ?? '';
  const [, text] = /^Bearer +(\S+) *$/i.exec(header) ?? [];
  if (text !== undefined) return text;
  if (header === '' || /^(?!Bearer )\S+ /i.test(header)) return undefined;
  throw refusal('The header field Authorization shows nothing: it must be Bearer, a space and the key or token');
}

/**
 * Finds what a request has: in `Authorization`, else a ticket, else a cookie. Undefined if it has nothing.
 * @param cookie the name of the cookie that may hold a token; undefined if none may
 * @throws {Problem} `invalid-parameter` for a token in the URL, `unauthorized` for a field `Authorization` that shows nothing
 */
export function credentialsOf(request: RequestHead, url: URL, cookie: string | undefined): Credentials | undefined {
  const refused = TOKEN_PARAMETERS.find((name) => url.searchParams.has(name));
  if (refused !== undefined) {
    throw new Problem(
      'invalid-parameter',
      `The query parameter ${refused} is not taken, because URLs end up in logs and histories: send a token as Authorization: Bearer, or get a ticket with POST /tickets and listen with ?ticket=`,
    );
  }
  const bearer = bearerOf(request, unauthorized);
  if (bearer !== undefined) return { carrier: 'header', text: bearer };
  const ticket = url.searchParams.get('ticket');
  if (ticket !== null) return { carrier: 'query', text: ticket };
  const text = cookie === undefined ? undefined : cookieOf(request, cookie);
  return text === undefined ? undefined : { carrier: 'cookie', text };
}

/** The value of a cookie (RFC 6265, 4.2.1). Of several with a name the first counts, which is of the longest path. */
export function cookieOf(request: RequestHead, name: string): string | undefined {
  for (const pair of request.header('cookie')?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at === -1 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    return /^".*"$/.test(value) ? value.slice(1, -1) : value;
  }
  return undefined;
}
