import { type Answer, checkParameters } from '@tidings/server/live';
import { compileInTurns } from '@tidings/server/log';
import { ownRights } from '../../access/everyone.ts';
import { requireRight } from '../../access/require.ts';
import { unauthorized } from '../../access/refusal.ts';
import type { Tickets } from '../../access/tickets.ts';
import { jsonAnswer } from '../../http/answer.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { MATCHERS, matchersOf } from '../topics/matchers.ts';

/** Makes a ticket for listening to the topics and patterns of the query (PROTOCOL §15). @throws {Problem} @throws {ServerError} */
export async function makeTicket(context: FaceContext, tickets: Tickets, exchange: Exchange): Promise<Answer> {
  const { url } = exchange;
  // What everyone may do needs no ticket, and may end before one does.
  const rights = ownRights(exchange.rights);
  const { subject, credential } = rights;
  checkParameters(url.searchParams, MATCHERS);
  if (subject === undefined)
    throw unauthorized('The request has no credentials to make a ticket of: send some as Authorization: Bearer');
  if (credential?.carrier === 'query')
    throw new Problem('forbidden', 'A ticket is for listening only: send a token to get another one');
  context.requireOrigin(exchange, 'get tickets here');
  const matchers = matchersOf(url.searchParams, context.topicsBase, context.limits.maxMatchers);
  if (matchers.length === 0) {
    throw new Problem(
      'invalid-parameter',
      'Nothing says what the ticket is for: name topics with match, or patterns with match_urlpattern',
    );
  }
  requireRight(rights, 'listen', matchers, 'get a ticket for this');
  await compileInTurns(
    matchers.filter((matcher) => typeof matcher !== 'string'),
    context.closing,
  );
  const { ticket, useBy, expiresAt } = await tickets.make(rights, matchers);
  const document = { ticket, useBy: new Date(useBy).toISOString(), expiresAt: new Date(expiresAt).toISOString() };
  return jsonAnswer(201, JSON.stringify(document));
}
