import { type Answer, checkParameters } from '@tidings/server/live';
import type { Access } from '../../access/access.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext, MakeFace } from '../face.ts';
import { answerRevocations } from './revocations.ts';
import { makeTicket } from './tickets.ts';

/** Makes the face for `/tickets` and `/revocations` (PROTOCOL §15). A hub that takes no tokens has neither. */
export function access(): MakeFace {
  return (context) => ({
    name: 'access',
    match({ pathname }) {
      if (!context.access) return undefined;
      if (pathname === '/tickets') return ['POST'];
      return pathname === '/revocations' ? ['GET', 'POST', 'DELETE'] : undefined;
    },
    handle: (exchange) => answer(context, context.access, exchange),
  });
}

async function answer(context: FaceContext, parts: Access | undefined, exchange: Exchange): Promise<Answer> {
  if (!parts) throw new Problem('unsupported', 'This hub takes no tokens');
  if (exchange.url.pathname === '/tickets') return await makeTicket(context, parts.tickets, exchange);
  if (exchange.request.method !== 'DELETE') checkParameters(exchange.url.searchParams, []);
  return await answerRevocations(context, parts, exchange);
}
