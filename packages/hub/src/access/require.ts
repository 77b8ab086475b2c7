import type { Rights } from '@tidings/server';
import { type Action, allowedBy, may } from '@tidings/server/live';
import type { Matcher } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';
import { lackedBy } from './key.ts';
import { unauthorized } from './refusal.ts';
import { shownClaim } from './tokens/claims.ts';
import { isSenderOf } from './tokens/sender.ts';

const VERBS: Readonly<Record<Action, string>> = {
  listen: 'listen to',
  publish: 'publish to',
  manage: 'manage',
  presence: 'see who listens to',
};

/**
 * Refuses a request that its rights do not cover (PROTOCOL §9.5).
 * @param matchers the topics and patterns that the request names
 * @param purpose what it is for, if that says more than the matchers
 * @throws {Problem} `unauthorized` if the rights do not name the sender, `forbidden` if they do
 */
export function requireRight(rights: Rights, action: Action, matchers: readonly Matcher[], purpose?: string): void {
  const denied = matchers.find((matcher) => !may(rights, action, matcher));
  if (denied === undefined) return;
  const name =
    typeof denied === 'string' ? JSON.stringify(denied) : `every topic that matches ${shown(denied.pattern)}`;
  const needed = `${VERBS[action]} ${name}`;
  if (rights.subject === undefined) throw needsCredentials(rights, purpose ?? needed);
  const refused = purpose === undefined ? needed : `${purpose}, which needs the right to ${needed}`;
  throw new Problem('forbidden', `The rights of ${rights.subject} do not allow it to ${refused}`);
}

/** @param what completes the sentence "the request needs a key to …" */
function needsCredentials(rights: Rights, what: string): Problem {
  const lacked = lackedBy(rights);
  if (lacked === 'token' || lacked === 'key or token') {
    return unauthorized(
      `The request has no ${lacked}, and needs one to ${what}: send Authorization: Bearer <${lacked}>`,
    );
  }
  return unauthorized(
    lacked === 'key'
      ? `The request has no key, and needs it to ${what}: send Authorization: Bearer <key>`
      : `The request has no credentials that allow it to ${what}: send some, such as Authorization: Bearer <key>`,
  );
}

/** A pattern that is refused for its text may be of any length. */
function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 1024 ? `${pattern.slice(0, 64)}…` : pattern);
}

/**
 * Refuses a request whose rights cover no topic at all, before it is known which ones it names.
 * @throws {Problem} `unauthorized`, `forbidden`, as for {@link requireRight}
 */
export function requireSomeRight(rights: Rights, action: Action): void {
  const topics = allowedBy(rights, action);
  if (topics.length > 0) return;
  if (rights.subject === undefined) throw needsCredentials(rights, action);
  throw new Problem('forbidden', `The rights of ${rights.subject} do not allow it to ${VERBS[action]} any topic`);
}

/**
 * Refuses a sender that may not administer the hub (PROTOCOL §9.14).
 * @param what what the sender wants to do
 * @throws {Problem} `unauthorized`, `forbidden`, as for {@link requireRight}
 */
export function requireAdmin(rights: Rights, what: string): void {
  const { admin = false, subject } = rights;
  if (admin) return;
  if (subject === undefined) throw needsCredentials(rights, what);
  throw new Problem(
    'forbidden',
    `The rights of ${subject} do not allow it to ${what}: only senders that may administer the hub can do that`,
  );
}

/**
 * Refuses to revoke a subject that no token can have: nothing would be revoked, and who revokes would not know. With several issuers it has to name one of them.
 * @throws {Problem} `invalid-parameter`
 */
export function requireSenderOf(issuers: readonly string[], subject: string | undefined): void {
  if (subject === undefined || issuers.length < 2 || isSenderOf(issuers, subject)) return;
  const named = issuers.slice(0, 5).map((issuer) => `${issuer}#…`);
  throw new Problem(
    'invalid-parameter',
    `The revocation has the subject ${shownClaim(subject)}, which no token has here: with several issuers a subject is named {issuer}#{sub}, such as ${named.join(', ')}`,
  );
}
