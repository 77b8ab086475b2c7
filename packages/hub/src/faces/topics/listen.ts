import { findStart, type CodedHead, type FanOut, type View } from '@tidings/server/live';
import type { EventLog, Selection } from '@tidings/server/log';
import { envelope } from './envelope.ts';
import { checkParameters, digits, single, utf8Header, type Answer, type HubRequest } from '../../http/request.ts';
import { selectionOf } from './matchers.ts';
import { Problem } from '../../http/problem.ts';
import type { HubLimits } from '../../limits.ts';

const MAX_LAST = 10_000;
const PARAMETERS = ['last_event_id', 'last', 'envelope'];
const MATCHERS = ['match', 'match_urlpattern'];

/** Whether a request for `/topics` asks for events. */
export function hasMatchers(url: URL): boolean {
  return MATCHERS.some((name) => url.searchParams.has(name));
}

/** Answers a listener to one topic. @throws {Problem} */
export function listenToTopic(
  log: EventLog,
  fanOut: FanOut,
  request: HubRequest,
  options: { readonly topic: string; readonly includePrivate: boolean; readonly head: CodedHead },
): Promise<Answer> {
  checkParameters(request.url, PARAMETERS);
  const { topic, includePrivate, head } = options;
  return listen(log, fanOut, request, { head, selection: { topics: [topic], private: includePrivate }, key: [topic] });
}

/** Answers a listener to whatever its matchers select. @throws {Problem} */
export function listenToMatches(
  log: EventLog,
  fanOut: FanOut,
  request: HubRequest,
  options: {
    readonly limits: HubLimits;
    readonly base: string;
    readonly includePrivate: boolean;
    readonly head: CodedHead;
  },
): Promise<Answer> {
  checkParameters(request.url, [...PARAMETERS, ...MATCHERS]);
  const topics = request.url.searchParams.getAll('match');
  const patterns = request.url.searchParams.getAll('match_urlpattern');
  const count = topics.length + patterns.length;
  if (count > options.limits.maxMatchers) {
    throw new Problem(
      'too-many-matchers',
      `The request has ${count} matchers; at most ${options.limits.maxMatchers} are allowed`,
    );
  }
  const selection = selectionOf(topics, patterns, options.base, options.includePrivate);
  const key =
    patterns.length === 0 ? selection.topics : [selection.topics, [...new Set(patterns)].toSorted(), options.base];
  return listen(log, fanOut, request, { head: options.head, selection, key });
}

async function listen(
  log: EventLog,
  fanOut: FanOut,
  request: HubRequest,
  { head, selection, key }: { readonly head: CodedHead; readonly selection: Selection; readonly key: unknown },
): Promise<Answer> {
  const form = single(request.url, 'envelope');
  if (form !== undefined && form !== 'json') {
    throw new Problem('invalid-parameter', `The query parameter envelope is ${JSON.stringify(form)}; allowed is json`);
  }
  const view: View = {
    key: JSON.stringify([key, selection.private, form]),
    selection,
    coding: head.coding,
    ...(form === 'json' ? { render: envelope } : {}),
  };
  const start = await findStart(log, selection, {
    lastEventId: utf8Header(request, 'last-event-id') || single(request.url, 'last_event_id'),
    last: digits(request.url, 'last', MAX_LAST),
  });
  return { status: 200, headers: head.headers, start: (sink) => fanOut.subscribe(sink, view, start) };
}
