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
