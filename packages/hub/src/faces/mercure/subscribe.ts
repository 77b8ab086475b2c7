import type { Authenticate, Rights } from '@tidings/server';
import { type Answer, joinHeaders, type View } from '@tidings/server/live';
import type { Matcher, TopicSet } from '@tidings/server/log';
import { requireRight } from '../../access/require.ts';
import { streamAnswer } from '../../http/answer.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { compile, keyOf } from '../topics/listen.ts';
import { withForm } from '../topics/query.ts';
import { hubBase, hubUrl } from './addresses.ts';
import { renderMercure, resume } from './cursors.ts';
import { grantOf, requireOwnDetails } from './grants.ts';
import { readMatchers } from './matchers.ts';
import type { MercureSettings } from './options.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface SubscribeParts {
  readonly settings: MercureSettings;
  /** Decides the rights of a subscriber anew when they expire. */
  readonly authenticate: Authenticate;
  /** Undefined if nobody is told of them. */
  readonly subscriptions: Subscriptions | undefined;
}

/** Answers a subscriber. @throws {Problem} @throws {ServerError} */
export async function subscribe(context: FaceContext, parts: SubscribeParts, exchange: Exchange): Promise<Answer> {
  const { settings, authenticate, subscriptions } = parts;
  const form = exchange.request.method === 'QUERY' ? await withForm(context, exchange) : exchange;
  const { request, url, rights } = form;
  const hub = hubBase(context);
  const { dialect, asked, topics } = readMatchers(url.searchParams, hub, context.limits.maxMatchers, settings);
  requireListening(rights, topics);
  const selected = topics === 'all' ? topics : await compile(topics, form);
  const viewOf = ({ private: seen = [] }: Rights): View => ({
    key: keyOf(['mercure', selected, seen]),
    selection: { topics: selected, private: seen },
    render: renderMercure,
  });
  context.requireHolding(form);
  const { lastEventId, headers: found } = await resume(context, form, dialect, viewOf(rights).selection);
  const { headers, coding } = context.streamHead(form);
  const subscriber = subscriptions?.subscriber(form, dialect, hub, asked, grantOf(rights));
  const admission = await context.audience.admit({
    request,
    rights,
    parameters: { lastEventId, last: undefined, heartbeat: undefined },
    authenticate,
    holds: () => context.holds(form),
    view: (granted) => (mayListen(granted, topics) ? { ...viewOf(granted), coding } : undefined),
    onEnd: () => subscriber?.leaves(),
  });
  const answer = streamAnswer(
    joinHeaders(headers, found, { Link: `<${hubUrl(context, url)}>; rel="mercure"` }),
    admission,
  );
  const { start } = answer;
  if (!subscriber || !start) return answer;
  return {
    ...answer,
    start: (sink) => {
      start(sink);
      // Behind it, so that it is told of itself as others are.
      subscriber.comes();
    },
  };
}

/** The matchers only route. Tokens of this protocol allow their senders every public update; other rights may name topics. */
function requireListening(rights: Rights, topics: TopicSet): void {
  const { listen = 'all' } = rights;
  if (listen === 'all') return;
  requireOwnDetails(rights, listen);
  const asked: readonly Matcher[] = topics === 'all' ? ['*'] : topics;
  requireRight(rights, 'listen', asked, 'subscribe to this');
}

function mayListen(rights: Rights, topics: TopicSet): boolean {
  try {
    requireListening(rights, topics);
    return true;
  } catch {
    return false;
  }
}
