import { suggestion, type TopicOptions } from '@tidings/server/log';
import { Problem } from '../../../http/problem.ts';
import { DURATION_EXAMPLES, durationOf, formatDuration } from './duration.ts';

/** The most bytes of a document with the options of a topic. */
export const MAX_OPTIONS_BYTES = 4096;

const MIN_TTL_MS = 1000;
const MAX_TTL_MS = 36_500 * 24 * 60 * 60 * 1000;

const NAMES: readonly string[] = ['ttl', 'keep'];
const KEEP = ['all', 'latest'] as const;

/** Reads the document with which a topic is created (PROTOCOL §12.4). An empty one has no options. @throws {Problem} `invalid-parameter` */
export function readTopicOptions(bytes: Uint8Array): TopicOptions {
  if (bytes.length === 0) return {};
  const given = parse(bytes);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid(`are ${shown(given)}; allowed is a JSON object of ${NAMES.join(' and ')}`);
  }
  for (const name of Object.keys(given)) {
    if (NAMES.includes(name)) continue;
    throw invalid(`have no ${shown(name)}; allowed are ${NAMES.join(', ')}${suggestion(name, NAMES)}`);
  }
  const { ttl, keep } = given as { readonly ttl?: unknown; readonly keep?: unknown };
  return { ...(ttl === undefined ? {} : { ttlMs: ttlOf(ttl) }), ...(keep === undefined ? {} : { keep: keepOf(keep) }) };
}

/** The options as they are answered. */
export function showTopicOptions({ ttlMs, keep }: TopicOptions): Readonly<Record<string, string>> {
  return { ...(ttlMs === undefined ? {} : { ttl: formatDuration(ttlMs) }), keep: keep ?? 'all' };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid('are not JSON in UTF-8', { cause: error });
  }
}

function ttlOf(ttl: unknown): number {
  const ms = durationOf(ttl);
  if (ms !== undefined && ms >= MIN_TTL_MS && ms <= MAX_TTL_MS) return ms;
  throw invalid(`have ${shown(ttl)} as ttl; allowed is ${DURATION_EXAMPLES}, from 1s to ${formatDuration(MAX_TTL_MS)}`);
}

function keepOf(keep: unknown): (typeof KEEP)[number] {
  const found = KEEP.find((each) => each === keep);
  if (found) return found;
  throw invalid(`have ${shown(keep)} as keep; allowed are ${KEEP.map(shown).join(', ')}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function invalid(found: string, options?: ErrorOptions): Problem {
  return new Problem('invalid-parameter', `The options of the topic ${found}`, options);
}
