import type { TopicStates } from '@tidings/server/log';
import { flag } from '../../../http/flag.ts';
import { Problem } from '../../../http/problem.ts';
import type { Exchange } from '../../../http/request.ts';
import type { FaceContext } from '../../face.ts';
import { isToken } from '../bodies/checks.ts';

/** Whether a request to publish closes its topic. @throws {Problem} `invalid-parameter`, `unsupported` */
export function asksToClose(context: FaceContext, { url }: Exchange): boolean {
  if (!flag(url.searchParams, 'close')) return false;
  statesOf(context);
  return true;
}

/** The tokens of leases that a request names (PROTOCOL §12.6). @throws {Problem} `invalid-parameter`, `unsupported` */
export function leasesOf(context: FaceContext, { request }: Exchange): readonly string[] {
  const given = request.header('tidings-lease');
  if (given === undefined) return [];
  statesOf(context);
  const tokens = given.split(',').map((token) => token.trim());
  if (tokens.every(isToken)) return tokens;
  throw new Problem(
    'invalid-parameter',
    'The Tidings-Lease header field must be the token that PUT ?lease was answered, or several with commas between them',
  );
}

/** The states of topics of a hub's log. @throws {Problem} `unsupported` */
export function statesOf({ log }: Pick<FaceContext, 'log'>): TopicStates {
  if (log.topics) return log.topics;
  throw new Problem('unsupported', 'The log of this hub cannot close, create, lease or delete topics');
}
