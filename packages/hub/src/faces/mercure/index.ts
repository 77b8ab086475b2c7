import type { Answer } from '@tidings/server/live';
import { problemAnswer } from '../../http/answer.ts';
import { Problem, type ProblemName, problemOf } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext, MakeFace } from '../face.ts';
import { counting } from '../topics/published.ts';
import { hubBase, isSubscriptionPath, METADATA, ROOT, SUBSCRIPTIONS } from './addresses.ts';
import { authenticateMercure, metadataOf } from './authentication.ts';
import { challenged } from './challenges.ts';
import { answerSubscriptions } from './documents.ts';
import { answerMetadata } from './metadata.ts';
import { checkMercureOptions, type MercureOptions } from './options.ts';
import { publish } from './publish.ts';
import { subscribe } from './subscribe.ts';
import { Subscriptions } from './subscriptions.ts';

/** Limits of the hub for all senders together. This protocol has one status for all limits. */
const LIMITS: ReadonlySet<ProblemName> = new Set<ProblemName>(['too-many-listeners', 'too-many-uploads']);

/**
 * Makes the face for clients of the Mercure protocol, at `/.well-known/mercure`. Its events are those of the other faces. The hub's option `tokens` names who
 * makes tokens, and without it only its keys and its option `anonymous` decide.
 * @throws {HubError} `ERR_INVALID_OPTION`
 * @example
 * const hub = new Hub({ log, publicUrl, tokens, anonymous: 'listen', faces: [mercure(), topics(), health()] });
 */
export function mercure(options: MercureOptions = {}): MakeFace {
  const settings = checkMercureOptions(options);
  const hasMetadata = settings.dialects.includes('new');
  return (context: FaceContext) => {
    const hub = hubBase(context);
    const authenticate = authenticateMercure(context, settings);
    const subscriptions = settings.subscriptions ? new Subscriptions(context) : undefined;
    const parts = { settings, authenticate, subscriptions };
    const handle = (exchange: Exchange): Answer | Promise<Answer> => {
      const { pathname } = exchange.url;
      if (pathname === METADATA) return answerMetadata(context, settings, exchange);
      if (pathname !== ROOT) {
        if (subscriptions) return answerSubscriptions(context, settings, subscriptions, exchange);
        throw new Problem('not-found', 'This hub does not tell of subscriptions');
      }
      if (exchange.request.method === 'POST') return counting(context, publish(context, settings, exchange));
      return subscribe(context, parts, exchange);
    };
    return {
      name: 'mercure',
      authenticate,
      reserves: (topic) => isSubscriptionPath(topic, hub),
      match({ pathname }) {
        if (pathname === ROOT) return ['GET', 'QUERY', 'POST'];
        if (pathname === METADATA && hasMetadata) return ['GET'];
        return pathname === SUBSCRIPTIONS || pathname.startsWith(`${SUBSCRIPTIONS}/`) ? ['GET'] : undefined;
      },
      handle,
      problem(error, { url }) {
        const problem = problemOf(error);
        const told = problem && (challenged(problem, metadataOf(context, settings, url)) ?? limited(problem));
        return told && problemAnswer(told);
      },
    };
  };
}

/** The problem with the status that limits have here. Undefined if it is none of a limit. */
function limited(problem: Problem): Problem | undefined {
  const { problem: name, message, cause, headers, extra } = problem;
  return LIMITS.has(name) ? new Problem(name, message, { cause, headers, extra, status: 429 }) : undefined;
}
