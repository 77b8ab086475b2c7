import { checkChoice, checkInteger, checkNames, ServerError } from '../../errors.ts';
import type { LeaseOptions, TopicOptions } from '../topic-states.ts';
import { checkKey } from './append-options.ts';

/** The longest lease, in milliseconds. */
const MAX_LEASE_MS = 24 * 60 * 60 * 1000;

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkTopicOptions(options: TopicOptions): TopicOptions {
  checkNames(options, { ttlMs: true, keep: true });
  const { ttlMs, keep } = options;
  if (ttlMs !== undefined) checkInteger('ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER);
  if (keep !== undefined) checkChoice('keep', keep, ['all', 'latest'] as const);
  return { ...(ttlMs === undefined ? {} : { ttlMs }), ...(keep === undefined ? {} : { keep }) };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkLease(ms: number, options: LeaseOptions): LeaseOptions {
  checkInteger('ms', ms, 1, MAX_LEASE_MS);
  checkNames(options, { token: true, key: true, holder: true });
  const { token, key, holder } = options;
  if (holder !== undefined) checkKey('the holder of a lease', holder);
  const by = holder === undefined ? {} : { holder };
  if (token !== undefined && typeof token !== 'string') {
    throw new ServerError('ERR_INVALID_OPTION', `The option token is ${String(token)}, but must be a string`);
  }
  if (key === undefined) return { token, ...by };
  checkKey('a lease', key);
  if (token === undefined) return { key, ...by };
  throw new ServerError('ERR_INVALID_OPTION', 'The options have token and key, but a lease is either renewed or made');
}

/** 128 random bits as hexadecimal digits. */
export function newToken(): string {
  const bits = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bits, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
