import type { EventsOptions } from '@tidings/server';
import type { Matcher, TopicPattern, TopicSet } from '@tidings/server/log';
import { checkNames, HubError } from '../errors.ts';
import { checkTopic } from '../faces/topics/bodies/checks.ts';

export interface HubEventsOptions extends EventsOptions {
  /** The topics, or `'all'`. @default none */
  readonly topics?: readonly string[] | 'all' | undefined;
  /**
   * URL patterns of topics, such as `rooms/:room`. A relative one is resolved against the URL of `/topics/` below `publicUrl`, or, without that, below
   * `http://localhost/`.
   * @default none
   */
  readonly patterns?: readonly (string | TopicPattern)[] | undefined;
}

const NAMES: Readonly<Record<keyof HubEventsOptions, true>> = {
  topics: true,
  patterns: true,
  lastEventId: true,
  last: true,
  since: true,
  types: true,
  rights: true,
  signal: true,
};

/**
 * What an iteration inside the program is about.
 * @param base the URL against which relative patterns and tested topics are resolved
 * @throws {HubError} `ERR_INVALID_OPTION` @throws {Problem} `invalid-topic`
 */
export function matchersHere(options: HubEventsOptions, base: string): TopicSet {
  checkNames('', options, NAMES);
  const { topics, patterns = [] } = options;
  if (topics !== undefined && topics !== 'all' && !isListOf(topics, 'string')) {
    throw invalid("The option topics must be 'all' or an array of strings, such as ['orders']");
  }
  if (!isListOf(patterns, 'string', 'object')) {
    throw invalid("The option patterns must be an array of URL patterns, such as ['rooms/:room']");
  }
  if (topics === 'all') return 'all';
  const matchers: Matcher[] = [...new Set(topics)].map(checkTopic);
  for (const pattern of patterns) matchers.push(typeof pattern === 'string' ? { pattern, base } : pattern);
  if (matchers.length > 0) return matchers;
  throw invalid("Nothing is asked for: name topics or patterns, or topics: 'all' for everything");
}

function isListOf(value: unknown, ...types: readonly string[]): boolean {
  return Array.isArray(value) && value.every((each) => types.includes(typeof each));
}

function invalid(message: string): HubError {
  return new HubError('ERR_INVALID_OPTION', message);
}
