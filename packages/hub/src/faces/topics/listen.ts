import { createHash } from 'node:crypto';
import {
  checkParameters,
  choice,
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
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';
import { envelopesOf } from './envelope.ts';
import { MATCHERS, matchersOf } from './matchers.ts';

// A key that is longer than this is hashed, in characters.
const MAX_KEY = 64;

/** The names of the query parameters of a listener. */
export const PARAMETERS: readonly string[] = [...LISTEN_PARAMETERS, 'envelope'];

/** Whether a request for `/topics` is one to listen. */
export function hasMatchers({ searchParams }: URL): boolean {
  return MATCHERS.some((name) => searchParams.has(name));
}

/** Answers a listener to one topic. @throws {Problem} @throws {ServerError} */
export function listenToTopic(context: FaceContext, exchange: Exchange, topic: string): Promise<Answer> {
  checkParameters(exchange.url.searchParams, PARAMETERS);
  return listen(context, exchange, [topic]);
}

/** Answers a listener to whatever its matchers select. @throws {Problem} @throws {ServerError} */
export function listenToMatches(context: FaceContext, exchange: Exchange): Promise<Answer> {
  const { url } = exchange;
  checkParameters(url.searchParams, [...PARAMETERS, ...MATCHERS]);
  const matchers = matchersOf(url.searchParams, context.topicsBase(url), context.limits.maxMatchers);
  return listen(context, exchange, matchers);
}

async function listen(context: FaceContext, exchange: Exchange, asked: readonly Matcher[]): Promise<Answer> {
  const { request, url, rights } = exchange;
  const form = choice(url.searchParams, 'envelope', ['json']);
  const parameters = listenParameters(request, url.searchParams);
  // By their text, so that patterns are compiled only for who may use them.
  requireRight(rights, 'listen', asked);
  const matchers = await compile(asked, exchange);
  const { headers, coding } = context.streamHead(exchange);
  const view = (granted: Rights): View => {
    const { private: seesPrivate = [] } = granted;
    const selection = { topics: matchers, private: seesPrivate };
    return {
      key: keyOf([matchers, seesPrivate, form]),
      selection,
      coding,
      ...(form === 'json' ? { render: envelopesOf(selection) } : {}),
    };
  };
  const admission = await context.audience.admit({
    request,
    rights,
    parameters,
    view: (granted) => (matchers.every((matcher) => may(granted, 'listen', matcher)) ? view(granted) : undefined),
  });
  if ('refused' in admission && admission.refused === 'complete') context.audience.countRefusal('complete');
  return streamAnswer(headers, admission);
}

/** A short text for all that decides what a listener gets: its matchers may be long. */
function keyOf(parts: readonly unknown[]): string {
  const text = JSON.stringify(parts);
  return text.length > MAX_KEY ? createHash('sha256').update(text).digest('base64') : text;
}

/**
 * Compiles the patterns among the matchers, unless the listener leaves meanwhile. Returns the matchers, with patterns that all listeners share.
 * @throws {Problem} @throws {ServerError} `ERR_INVALID_PATTERN`
 */
async function compile(matchers: readonly Matcher[], { request }: Exchange): Promise<readonly Matcher[]> {
  const exact = matchers.filter((matcher) => typeof matcher === 'string');
  const patterns = matchers.filter((matcher) => typeof matcher !== 'string');
  if (patterns.length === 0) return matchers;
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
