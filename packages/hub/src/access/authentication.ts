import type { Authenticate, Refusal, Rights } from '@tidings/server';
import { Problem } from '../http/problem.ts';
import { type Credentials, credentialsOf } from './credentials.ts';
import { withEveryone } from './everyone.ts';
import type { Keys } from './key.ts';
import { revoked } from './holding.ts';
import { problemOfToken, refuse, unauthorized } from './refusal.ts';
import type { Revocations } from './revocations.ts';
import type { Tickets } from './tickets.ts';
import { TokenError } from './tokens/token-error.ts';
import { rightsOfToken, TOKEN_TYPES } from './tokens/token-rights.ts';
import type { Tokens } from './tokens/tokens.ts';

export interface AuthenticationParts {
  readonly keys: Keys | undefined;
  /** The rights of requests that show nothing. */
  readonly everyone: Rights;
  readonly tokens: Tokens;
  readonly tickets: Tickets | undefined;
  readonly revocations: Revocations | undefined;
  /** The name of the cookie that may hold a token. */
  readonly cookie: string;
  /** The URL that patterns are resolved against. */
  readonly topicsBase: string;
}

/**
 * Decides rights by keys, tokens and tickets (PROTOCOL §15): a request without any of them may do what everyone may, and one with a token that, too.
 */
export function authenticateByToken(parts: AuthenticationParts): Authenticate {
  const { keys, everyone } = parts;
  return async (request) => {
    const url = new URL(request.url);
    const found = credentialsOf(request, url, parts.cookie);
    if (!found) return everyone;
    const byKey = found.carrier === 'header' ? keys?.rightsOf(found.text) : undefined;
    return byKey ?? (await rightsOf(found, parts));
  };
}

async function rightsOf(found: Credentials, parts: AuthenticationParts): Promise<Rights | Refusal> {
  try {
    const rights = found.carrier === 'query' ? await byTicket(found.text, parts) : await byToken(found, parts);
    await parts.revocations?.ready();
    if (parts.revocations?.covers(rights)) throw revoked();
    return rights;
  } catch (error) {
    if (error instanceof TokenError) return refuse(problemOfToken(error));
    if (error instanceof Problem) return refuse(error);
    throw error;
  }
}

async function byToken({ text, carrier }: Credentials, parts: AuthenticationParts): Promise<Rights> {
  if (parts.keys && carrier === 'header' && text.split('.').length !== 3)
    throw new TokenError('malformed', 'What was sent is neither a key of this hub nor a signed token (JWT)');
  const token = await parts.tokens.verify(text, { types: TOKEN_TYPES });
  const rights = rightsOfToken(token, parts.topicsBase);
  return withEveryone({ ...rights, credential: { ...rights.credential, carrier } }, parts.everyone);
}

async function byTicket(ticket: string, { tickets }: AuthenticationParts): Promise<Rights> {
  const rights = await tickets?.rightsOf(ticket);
  if (rights) return rights;
  throw unauthorized(
    'The ticket is not, or no longer, good: it has to be used within 30 seconds, and ends with the token that it was made with',
  );
}

/** The path and query of a URL without its ticket, which only {@link authenticateByToken} reads. */
export function withoutTicket(url: URL): URL {
  if (url.search === '' || !url.searchParams.has('ticket')) return url;
  const plain = new URL(url);
  plain.searchParams.delete('ticket');
  return plain;
}
