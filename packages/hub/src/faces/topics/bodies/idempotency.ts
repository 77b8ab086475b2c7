import { createHash } from 'node:crypto';
import type { AppendOptions } from '@tidings/server/log';
import { Problem } from '../../../http/problem.ts';
import type { Exchange } from '../../../http/request.ts';

/**
 * The key by which the log knows a publish that may be sent again (PROTOCOL §4.6). It is the topic's and the sender's own, so that nobody finds
 * or takes the keys of others. Senders whose rights have no subject cannot be told apart.
 * @param topic undefined for a batch whose events name their topics: such batches have keys of their own
 * @returns undefined if the request has no key
 * @throws {Problem} `invalid-parameter`
 */
export function idempotencyKey({ request, rights }: Exchange, topic?: string): string | undefined {
  const key = request.header('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new Problem(
      'invalid-parameter',
      'The Idempotency-Key header field must be 1 to 255 printable ASCII characters',
    );
  }
  return hash(JSON.stringify([rights.subject ?? null, topic ?? null, key]));
}

/** The options of an append that may be sent again: its key, and what stands for all that was sent. None if there is no key. */
export function appendOptions(
  key: string | undefined,
  { url }: Exchange,
  body: Uint8Array,
  type: string,
): AppendOptions {
  if (key === undefined) return {};
  const { searchParams: query } = url;
  const parameters = [query.get('type'), query.get('id'), query.get('retry'), query.has('private')];
  if (query.has('key')) parameters.push(query.get('key'), query.has('forget'));
  if (query.has('close')) parameters.push('close');
  return { key, digest: hash(JSON.stringify([type, ...parameters]), body) };
}

function hash(text: string, bytes: Uint8Array = new Uint8Array()): string {
  return createHash('sha256').update(text).update('\n').update(bytes).digest('base64url');
}
