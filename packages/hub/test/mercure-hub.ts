import type { OutgoingHttpHeaders } from 'node:http';
import { health, mercure, topics, access, type MercureOptions, type TokenIssuerOptions } from '@tidings/hub';
import { Listener } from './listener.ts';
import { startHub, type Reply, type TestHub, type TestHubOptions } from './test-hub.ts';
import { bearer, ISSUER, makeToken, SECRET, type TokenParts } from './token-maker.ts';

export const PUBLIC_URL = 'https://hub.example/';
export const HUB_URL = 'https://hub.example/.well-known/mercure';
export const ROOT = '/.well-known/mercure';
export const METADATA = '/.well-known/oauth-protected-resource/.well-known/mercure';
export const RESOURCE_METADATA = `resource_metadata="https://hub.example${METADATA}"`;
export const DETAIL = 'https://mercure.rocks/authorization-detail';

const BY_SECRET: TokenIssuerOptions = { issuer: ISSUER, keys: [{ secret: SECRET }] };

/** A hub with the face for Mercure beside the usual ones. */
export function startMercure(options: MercureOptions = {}, more: TestHubOptions = {}): Promise<TestHub> {
  return startHub({
    publicUrl: PUBLIC_URL,
    tokens: { issuers: [BY_SECRET] },
    anonymous: 'listen',
    faces: [mercure(options), topics(), health(), access()],
    ...more,
  });
}

export type Entry = string | { readonly match?: unknown; readonly match_type?: unknown };

/** A detail of a token of the new dialect. */
export function detail(actions: readonly string[], topicsOf: readonly Entry[], payload?: unknown): object {
  const entries = topicsOf.map((entry) => (typeof entry === 'string' ? { match: entry } : entry));
  return { type: DETAIL, actions, topics: entries, ...(payload === undefined ? {} : { payload }) };
}

/** A token of the new dialect. */
export function newToken(details: unknown, parts: TokenParts = {}): Promise<string> {
  return makeToken(undefined, {
    ...parts,
    claims: { aud: HUB_URL, authorization_details: details, ...parts.claims },
  });
}

/** A token of the old dialect: without a type, an issuer, an audience and an end. */
export function oldToken(mercureClaim: unknown, parts: TokenParts = {}): Promise<string> {
  const none = { iss: undefined, aud: undefined, exp: undefined, sub: undefined, jti: undefined, iat: undefined };
  return makeToken(undefined, {
    header: { typ: 'JWT' },
    ...parts,
    claims: { ...none, mercure: mercureClaim, ...parts.claims },
  });
}

let everything: Promise<string> | undefined;

/** A token of the new dialect that allows everything. */
export function allToken(): Promise<string> {
  everything ??= newToken([detail(['publish', 'subscribe'], ['*'])]);
  return everything;
}

export type Fields = readonly (readonly [name: string, value: string])[];

/** Publishes a form, as the sender of a token that allows everything unless header fields are given. */
export async function post(hub: TestHub, fields: Fields, headers?: OutgoingHttpHeaders): Promise<Reply> {
  const body = new URLSearchParams(fields.map(([name, value]) => [name, value])).toString();
  return await hub.ask('POST', ROOT, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...(headers ?? bearer(await allToken())) },
    body,
  });
}

/** Publishes an update, which must be taken. Gives its id. */
export async function update(hub: TestHub, topic: string, data: string, more: Fields = []): Promise<string> {
  const reply = await post(hub, [['topic', topic], ['data', data], ...more]);
  if (reply.status !== 200) throw new Error(`The update was answered ${reply.status}: ${reply.text}`);
  return reply.text;
}

/** Subscribes, over a socket. */
export function subscribe(hub: TestHub, query: string, headers: OutgoingHttpHeaders = {}): Promise<Listener> {
  return Listener.open(hub.port, `${ROOT}?${query}`, headers);
}

/**
 * What a subscriber gets of some updates, told apart from what it does not get by one that it gets behind them.
 * @param last publishes what it is sure to get, with the data `last`
 */
export async function received(listener: Listener, last: () => Promise<unknown>): Promise<readonly string[]> {
  await last();
  await listener.until(() => listener.data.includes('last'));
  return listener.data.filter((data) => data !== 'last');
}

export function challengeOf(reply: Reply): string | undefined {
  return reply.headers['www-authenticate'];
}
