import type { Rights } from '@tidings/server';
import { type Action, may } from '@tidings/server/live';
import type { Matcher } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';
import { unauthorized } from './key.ts';

/**
 * Refuses what the rights of a request do not cover (PROTOCOL §9.5).
 * @param matchers the topics, and patterns of topics, that it asks for
 * @throws {Problem} `unauthorized` where the request said nothing of who sent it, `forbidden` where it did
 */
export function requireRight(rights: Rights, action: Action, matchers: readonly Matcher[]): void {
  const denied = matchers.find((matcher) => !may(rights, action, matcher));
  if (denied === undefined) return;
  const name = JSON.stringify(typeof denied === 'string' ? denied : denied.pattern);
  if (rights.subject === undefined) {
    throw unauthorized(
      `This hub does not let everyone ${action} to ${name}: send the key, or what else it takes, as Authorization: Bearer <key>`,
    );
  }
  throw new Problem('forbidden', `The rights of ${rights.subject} do not allow it to ${action} to ${name}`);
}

/**
 * Refuses what only those may do who may administer (PROTOCOL §9.12).
 * @param what what they may not do
 * @throws {Problem} `unauthorized`, `forbidden`, as for {@link requireRight}
 */
export function requireAdmin({ admin = false, subject }: Rights, what: string): void {
  if (admin) return;
  if (subject === undefined)
    throw unauthorized(`This hub does not let everyone ${what}: that takes who may administer it`);
  throw new Problem('forbidden', `The rights of ${subject} do not allow it to ${what}: that takes who may administer`);
}
