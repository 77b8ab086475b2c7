import { readRetryAfter } from '../connection/response.ts';
import { check } from '../subscription/option-checks.ts';
import { fieldsOf } from './failed.ts';
import { LeaseError } from './lease-error.ts';
import { newKey } from './key.ts';
import type { HubRequest, LastFailure } from './sender.ts';

/** A topic that is leased, or is to be. */
export interface LeaseTarget {
  readonly topic: string;
  /** Where it is leased. */
  readonly url: string;
  readonly ttl: string;
  readonly ttlMs: number;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const MAX_TTL_MS = 86_400_000;

/** How many times a lease is renewed in the time that it lasts, if nothing is published. */
const RENEWALS = 3;

/** @throws InvalidOptionError */
export function leaseTarget(hubUrl: string, topic: string, ttl: string): LeaseTarget {
  check(typeof topic === 'string' && topic !== '', 'topic', 'a string that is not empty', topic);
  const [, count, unit = ''] = /^(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|d)$/.exec(ttl) ?? [];
  const ttlMs = Math.round(Number(count) * (UNITS[unit] ?? NaN));
  check(ttlMs >= 1_000 && ttlMs <= MAX_TTL_MS, 'ttl', "a duration from '1s' to '24h' such as '30s'", ttl);
  let name: string;
  try {
    name = encodeURIComponent(topic);
  } catch (cause) {
    check(false, 'topic', 'without lone surrogates', topic, cause);
  }
  return { topic, url: `${hubUrl}?topic=${name}&lease`, ttl, ttlMs };
}

/** After how long a lease is renewed, in milliseconds. It is how long a request and a wait of it may take, too, so that there is time for others. */
export function renewalMs({ ttlMs }: LeaseTarget): number {
  return ttlMs / RENEWALS;
}

/**
 * The request that makes a lease, or takes up the one with the token. It is answered with the token, also if it comes again (PROTOCOL §12.5). An answer that
 * comes when the lease is over is of no use.
 */
export function acquisition(target: LeaseTarget, token: string | undefined): HubRequest<string> {
  if (token !== undefined) return { ...renewal(target, token), maxMs: target.ttlMs };
  return { ...putRequest(target, 'lease', { 'idempotency-key': newKey() }), maxMs: target.ttlMs };
}

export function renewal(target: LeaseTarget, token: string): HubRequest<string> {
  return { ...putRequest(target, 'renew the lease of', { 'tidings-lease': token }), maxMs: renewalMs(target) };
}

/** The request that gives a lease back. */
export function release(target: LeaseTarget, token: string): HubRequest<true> {
  return {
    method: 'DELETE',
    url: target.url,
    purpose: `give back the lease of the topic ${JSON.stringify(target.topic)}`,
    headers: { 'tidings-lease': token },
    maxMs: renewalMs(target),
    read: () => true,
    expected: '204',
  };
}

function putRequest(
  { topic, url, ttl, ttlMs }: LeaseTarget,
  action: string,
  headers: Readonly<Record<string, string>>,
): HubRequest<string> {
  return {
    method: 'PUT',
    url: `${url}=${ttl}`,
    purpose: `${action} the topic ${JSON.stringify(topic)}`,
    headers,
    read: (body) => readToken(body, ttlMs),
    expected: '200 and JSON with the lease',
  };
}

function readToken(body: string, ttlMs: number): string | undefined {
  try {
    const { lease, ms } = JSON.parse(body) as { readonly lease?: unknown; readonly ms?: unknown };
    return typeof lease === 'string' && ms === ttlMs ? lease : undefined;
  } catch {
    return undefined;
  }
}

/** The error for a request about a lease that has failed for good. */
export function leaseError(topic: string, failure: LastFailure, time: number): LeaseError {
  const { error, headers } = failure;
  const retryAfter = failure.problem === 'leased' && headers?.get('retry-after');
  return new LeaseError({
    ...fieldsOf(failure),
    message: error.message,
    topic,
    ...(failure.status === undefined ? { code: 'ERR_UNCONFIRMED', cause: error } : { code: 'ERR_REFUSED' }),
    ...(retryAfter && { leasedUntil: time + readRetryAfter(retryAfter, headers?.get('date') ?? null, time) }),
  });
}

/** The error for a lease whose publisher has ended. */
export function closedError(topic: string, found: string, cause?: unknown): LeaseError {
  return new LeaseError({
    code: 'ERR_CLOSED',
    message: `the topic ${JSON.stringify(topic)} is not leased: ${found}`,
    topic,
    ...(cause !== undefined && { cause }),
  });
}
