import type { Authenticate, Refusal, Rights } from '@tidings/server';
import type { RequestHead } from '@tidings/server/live';
import { addedBy } from '../../access/everyone.ts';
import { problemBehind, problemOfToken, refuse } from '../../access/refusal.ts';
import { readToken } from '../../access/tokens/read-token.ts';
import { TokenError } from '../../access/tokens/token-error.ts';
import { Problem } from '../../http/problem.ts';
import type { FaceContext } from '../face.ts';
import { hubBase, METADATA, metadataUrl } from './addresses.ts';
import { challenged, invalidToken } from './challenges.ts';
import { type MercureCredentials, mercureCredentials, tokenInUrl } from './credentials.ts';
import { changedRights, dialectOfClaims } from './grants.ts';
import type { MercureDialect, MercureSettings } from './options.ts';
import { hasType, rightsOfMercure, rulesOf } from './tokens.ts';

const NOBODY: Rights = { allow: true, listen: [], publish: [] };

/**
 * Decides rights by the tokens of both dialects. Everything else that shows who sends a request counts as it does on the other faces of the hub: its keys, its
 * own tokens, and a function of the program.
 */
export function authenticateMercure(context: FaceContext, settings: MercureSettings): Authenticate {
  /** When requests were first let in. */
  const since = new WeakMap<RequestHead, number>();
  const rightsOf = async (request: RequestHead): Promise<Rights | Refusal> => {
    const url = new URL(request.url);
    if (url.pathname.endsWith(METADATA)) return NOBODY;
    try {
      const found = mercureCredentials(request, url, settings);
      if (found && context.access) {
        const dialect = dialectOf(found.text, settings) ?? dialectIn(found, settings);
        if (dialect) return await byToken(context, found, dialect);
      }
      return await byHub(context, request, found);
    } catch (error) {
      const problem = error instanceof TokenError ? problemOfToken(error) : error;
      if (!(problem instanceof Problem)) throw error;
      return refuse(challenged(problem, metadataOf(context, settings, url)) ?? problem);
    }
  };
  return async (request) => {
    const rights = await rightsOf(request);
    const { maxConnectionMs } = settings;
    if (!rights.allow || maxConnectionMs === Number.POSITIVE_INFINITY) return rights;
    const now = context.clock.time();
    const first = since.get(request) ?? now;
    since.set(request, first);
    return changedRights(rights, { expiresAt: Math.min(rights.expiresAt ?? Infinity, first + maxConnectionMs) });
  };
}

/** The URL of the metadata, which the new dialect has. */
export function metadataOf(context: FaceContext, { dialects }: MercureSettings, url: URL): string | undefined {
  return dialects.includes('new') ? metadataUrl(context, url) : undefined;
}

/** The dialect by whose rules a token is checked. Undefined if it is none of this protocol. */
function dialectOf(text: string, { dialects }: MercureSettings): MercureDialect | undefined {
  try {
    const { header, claims } = readToken(text);
    const isTyped = hasType(header.typ);
    const claimed = dialectOfClaims(claims, isTyped);
    if (claimed && dialects.includes(claimed)) return claimed;
    if (claimed === undefined && isTyped) return undefined;
    return dialects.includes('old') ? 'old' : 'new';
  } catch {
    // A key of the hub, or nothing that anybody knows.
    return undefined;
  }
}

/** The dialect of what is no token. In the header field it may be a key of the hub. */
function dialectIn({ carrier }: MercureCredentials, { dialects }: MercureSettings): MercureDialect | undefined {
  if (carrier === 'header') return undefined;
  return carrier === 'query' ? 'old' : dialects[0];
}

async function byToken(
  context: FaceContext,
  { text, carrier }: MercureCredentials,
  dialect: MercureDialect,
): Promise<Rights> {
  const { access } = context;
  if (!access) throw new TokenError('issuer', 'This hub takes no tokens');
  if (carrier === 'query' && dialect === 'new') throw tokenInUrl();
  const { tokens, revocations } = access;
  const hub = hubBase(context);
  const token = await tokens.verify(text, rulesOf(dialect, hub));
  const rights = rightsOfMercure(token, dialect, hub);
  await revocations.ready();
  if (revocations.covers(rights)) throw new TokenError('revoked', 'The token has been revoked');
  return changedRights(rights, { ...addedBy(access.everyone, rights), credential: { ...rights.credential, carrier } });
}

/** The rights of a request as the hub itself decides them. */
async function byHub(
  { authenticate }: FaceContext,
  request: RequestHead,
  found: MercureCredentials | undefined,
): Promise<Rights | Refusal> {
  try {
    const rights = await authenticate(request);
    if (rights === true) return { allow: true };
    if (rights === false) return { allow: false };
    const problem = rights.allow ? undefined : problemBehind(rights);
    if (problem) throw problem;
    return rights;
  } catch (error) {
    const isRefused = error instanceof Problem && error.problem === 'unauthorized' && found?.carrier === 'header';
    throw isRefused ? invalidToken(error) : error;
  }
}
