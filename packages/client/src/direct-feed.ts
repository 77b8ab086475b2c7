import { Connection } from './connection.ts';
import type { Feed, FeedHandlers } from './feed.ts';
import type { Attempt, RequestParts } from './request.ts';
import { encodeBody } from './request-body.ts';
import type { PerTry } from './subscription-options.ts';
import {
  checkBodyMethod,
  readHeaders,
  readMethod,
  readUrl,
  type SubscriptionSettings,
} from './subscription-settings.ts';

/** A connection for one subscription. */
export function openDirectFeed(settings: SubscriptionSettings, lastEventId: string, handlers: FeedHandlers): Feed {
  const { url, fetch, clock, network, policy, repeats, withCredentials, maxEventBytes } = settings;
  let attempt = 1;
  return new Connection({
    url: url instanceof URL ? url : undefined,
    fetch,
    clock,
    network,
    policy,
    repeats,
    withCredentials,
    keepRedirects: 'permanent',
    lastEventId,
    maxEventBytes,
    prepare: (details) => prepare(settings, details),
    onState: (state, error) => {
      const endedWell = state.phase === 'closed' && state.reason !== 'failed';
      if (state.phase !== 'closed') ({ attempt } = state);
      handlers.onState({
        phase: state.phase,
        attempt,
        ...(state.phase === 'waiting' ? { retryAt: clock.time() + state.retryAt - clock.now() } : {}),
        ...(error === undefined || endedWell ? {} : { error }),
      });
    },
    onEvent: (message, _origin, hasOwnId) => handlers.onEvent(message, hasOwnId),
    room: () => handlers.room(),
  });
}

async function prepare(settings: SubscriptionSettings, details: Attempt): Promise<RequestParts> {
  const { url } = settings;
  const target = typeof url === 'function' ? { url: readUrl(await url(details)) } : {};
  const method = readMethod(await valueOf(settings.method, details));
  const body = await valueOf(settings.body, details);
  const headers = readHeaders(await valueOf(settings.headers, details));
  if (body === undefined) return { ...target, method, headers };
  checkBodyMethod(method);
  const { content, contentType } = await encodeBody(body);
  if (contentType !== null && !headers.has('content-type')) headers.set('content-type', contentType);
  return { ...target, method, headers, body: content };
}

function valueOf<T>(value: PerTry<T>, details: Attempt): T | Promise<T> {
  return typeof value === 'function' ? (value as (details: Attempt) => T | Promise<T>)(details) : value;
}
