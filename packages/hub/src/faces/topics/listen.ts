import { createHash } from 'node:crypto';
import {
  checkParameters,
  choice,
  HISTORY_PARAMETERS,
  historyParameters,
  LISTEN_PARAMETERS,
  listenParameters,
  may,
  type Answer,
  type View,
} from '@tidings/server/live';
import type { Rights } from '@tidings/server';
import { compileInTurns, type Matcher } from '@tidings/server/log';
import { requireRight } from '../../access/require.ts';
import { streamAnswer } from '../../http/answer.ts';
import { preferred } from '../../http/preference.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { envelopesOf } from './envelope.ts';
import { answerPage, PAGE_PARAMETERS } from './history.ts';
import { MATCHERS, matchersOf } from './matchers.ts';

// A key that is longer than this is hashed, in characters.
const MAX_KEY = 64;

// Query parameters that pages do not have.
const STREAM_ONLY: readonly string[] = ['heartbeat', 'envelope'];

/** The names of the query parameters of a listener. */
export const OF_STREAMS: readonly string[] = [...LISTEN_PARAMETERS, ...HISTORY_PARAMETERS, 'envelope'];
const OF_PAGES = [...OF_STREAMS.filter((name) => !STREAM_ONLY.includes(name)), ...PAGE_PARAMETERS];

/** Whether a request for `/topics` is one to listen. */
export function hasMatchers({ searchParams }: URL): boolean {
  return MATCHERS.some((name) => searchParams.has(name));
}

/** Answers a listener to one topic. @throws {Problem} @throws {ServerError} */
export function listenToTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  return listen(context, exchange, [], () => [topic]);
}

/** Answers a listener to whatever its matchers select. @throws {Problem} @throws {ServerError} */
export function listenToMatches(context: FaceContext, exchange: Exchange): Promise<Answer> {
  const { url } = exchange;
  return listen(context, exchange, MATCHERS, () =>
    matchersOf(url.searchParams, context.topicsBase, context.limits.maxMatchers),
  );
}

/**
 * @param names the names of query parameters that are allowed beside those of listeners
 * @param find returns what the request asks for
 */
async function listen(
  context: FaceContext,
  exchange: Exchange,
  names: readonly string[],
  find: () => readonly Matcher[],
): Promise<Answer> {
  const { request, url, rights } = exchange;
  const isPage = asksForPage(exchange);
  const allowed = isPage ? OF_PAGES : OF_STREAMS;
  // A hub with tokens has taken the ticket out before, and it is named to who misspells it.
  const ticket = context.access ? ['ticket'] : [];
  checkParameters(url.searchParams, [...allowed, ...names, ...ticket]);
  const asked = find();
  const form = choice(url.searchParams, 'envelope', ['json']);
  const parameters = { ...listenParameters(request, url.searchParams), ...historyParameters(url.searchParams) };
  // By their text, so that patterns are compiled only for who may use them.
  requireRight(rights, 'listen', asked);
  const matchers = await compile(asked, exchange);
  context.requireHolding(exchange);
  const { types } = parameters;
  const viewOf = ({ private: seesPrivate = [] }: Rights): View => {
    const selection = { topics: matchers, private: seesPrivate, types };
    return {
      key: keyOf([matchers, seesPrivate, form, types]),
      selection,
      ...(form === 'json' ? { render: envelopesOf(selection) } : {}),
    };
  };
  const view = (granted: Rights): View | undefined =>
    matchers.every((matcher) => may(granted, 'listen', matcher)) ? viewOf(granted) : undefined;
  if (isPage) return await answerPage(context, exchange, { parameters, view });
  const { headers, coding } = context.streamHead(exchange);
  const admission = await context.audience.admit({
    request,
    rights,
    parameters,
    holds: () => context.holds(exchange),
    view: (granted) => {
      const seen = view(granted);
      return seen && { ...seen, coding };
    },
  });
  if ('refused' in admission && admission.refused === 'complete') context.audience.countRefusal('complete');
  return streamAnswer(headers, admission);
}

/**
 * Whether a request asks for a page and not for a stream: by its `Accept`. Helpers of language models ask for JSON and read a stream; they can say so with a
 * parameter that only streams have.
 * @throws {Problem} `invalid-parameter` for a parameter that only pages have, in a request for a stream
 */
export function asksForPage({ request, url: { searchParams } }: Exchange): boolean {
  const isOfStream = STREAM_ONLY.some((name) => searchParams.has(name));
  if (!isOfStream && preferred(request, ['text/event-stream', 'application/json']) === 'application/json') return true;
  const wrong = PAGE_PARAMETERS.find((name) => searchParams.has(name));
  if (wrong === undefined) return false;
  const how = isOfStream
    ? `leave ${STREAM_ONLY.filter((name) => searchParams.has(name)).join(' and ')} out, which only streams have`
    : 'ask for it with Accept: application/json, without text/event-stream or with a greater weight than that';
  throw new Problem('invalid-parameter', `The query parameter ${wrong} is for a page: ${how}`);
}

/** A short text for all that decides what a listener gets: its matchers may be long. */
export function keyOf(parts: readonly unknown[]): string {
  const text = JSON.stringify(parts);
  return text.length > MAX_KEY ? createHash('sha256').update(text).digest('base64') : text;
}

/**
 * Compiles the patterns among the matchers, unless the listener leaves meanwhile. Returns the matchers, with patterns that all listeners share.
 * @throws {Problem} @throws {ServerError} `ERR_INVALID_PATTERN`
 */
export async function compile(matchers: readonly Matcher[], { request }: Exchange): Promise<readonly Matcher[]> {
  if (matchers.every((matcher) => typeof matcher === 'string')) return matchers;
  const exact = matchers.filter((matcher) => typeof matcher === 'string');
  const patterns = matchers.filter((matcher) => typeof matcher !== 'string');
  const gone = new AbortController();
  const stop = request.onGone?.(() =>
    gone.abort(new Problem('invalid-request', 'The listener left before it was answered')),
  );
  try {
    return [...exact, ...(await compileInTurns(patterns, gone.signal))];
  } finally {
    stop?.();
  }
}
