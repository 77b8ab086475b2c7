import { DURATION_FORM, formatDuration, parseDuration } from '@tidings/server/live';
import { suggestion, type TopicOptions, type TopicStatus } from '@tidings/server/log';
import { JsonTextError, membersOf, twice, valueOf } from '../../../http/json-text.ts';
import { Problem } from '../../../http/problem.ts';

/** The most bytes of a document with the options of a topic. */
export const MAX_OPTIONS_BYTES = 4096;

const MIN_TTL_MS = 1000;
const MAX_TTL_MS = 36_500 * 24 * 60 * 60 * 1000;

const NAMES: readonly string[] = ['ttl', 'keep'];
const KEEP = ['all', 'latest'] as const;

/** Reads the document with which a topic is created (PROTOCOL §12.4). An empty one has no options. @throws {Problem} `invalid-parameter` */
export function readTopicOptions(bytes: Uint8Array): TopicOptions {
  if (bytes.length === 0) return {};
  const members = parse(bytes);
  for (const name of members.keys()) {
    if (NAMES.includes(name)) continue;
    throw invalid(`have no ${shown(name)}; allowed are ${NAMES.join(', ')}${suggestion(name, NAMES)}`);
  }
  const [ttl, keep] = [members.get('ttl'), members.get('keep')];
  return { ...(ttl === undefined ? {} : { ttlMs: ttlOf(ttl) }), ...(keep === undefined ? {} : { keep: keepOf(keep) }) };
}

/** The options in the form in which they are given and answered. What is kept is what holds, also if no option says it. */
export function showTopicOptions(
  { ttlMs }: TopicOptions,
  { keep = 'all' }: Pick<TopicStatus, 'keep'>,
): { readonly ttl?: string; readonly keep: string } {
  return { ...(ttlMs === undefined ? {} : { ttl: formatDuration(ttlMs) }), keep };
}

/** The members of the document, each of which may be given once. */
function parse(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  const members = new Map<string, unknown>();
  try {
    for (const [name, text] of membersOf(textOf(bytes))) {
      if (members.has(name)) throw twice(name);
      members.set(name, valueOf(text));
    }
    return members;
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw invalid(`cannot be read: ${error.message}`, { cause: error });
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalid('are not valid UTF-8', { cause: error });
  }
}

function ttlOf(ttl: unknown): number {
  const ms = parseDuration(ttl);
  if (ms !== undefined && ms >= MIN_TTL_MS && ms <= MAX_TTL_MS) return ms;
  throw invalid(`have ${shown(ttl)} as ttl; allowed is ${DURATION_FORM}, from 1s to ${formatDuration(MAX_TTL_MS)}`);
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
