import type { Rights } from '@tidings/server';
import { type Answer, checkParameters, parameter } from '@tidings/server/live';
import { formatCursor, MAX_NAME_BYTES, type TopicDirectory, type TopicSummary } from '@tidings/server/log';
import { requireRight } from '../../access/require.ts';
import { jsonAnswer } from '../../http/answer.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

const MAX_TOPICS = 1000;

/** The names of the query parameters that ask for topics by their names (PROTOCOL §7.2). */
export const SEARCH: readonly string[] = ['prefix', 'after'];

/** Whether a request for `/topics` asks for topics by their names. */
export function isSearch({ searchParams }: URL): boolean {
  return SEARCH.some((name) => searchParams.has(name));
}

/** Whether a sender is shown only what public events show (PROTOCOL §7.3). */
export function isPublicOnly({ private: seen }: Rights): boolean {
  return seen !== 'all';
}

/** One page of the topics whose names begin with a prefix. @throws {Problem} @throws {ServerError} */
export async function searchTopics(context: FaceContext, exchange: Exchange): Promise<Answer> {
  const { url, rights } = exchange;
  requireRight(rights, 'listen', [{ pattern: '*', base: context.topicsBase }], 'list the topics');
  checkParameters(url.searchParams, SEARCH);
  const [prefix, after] = [textOf(url, 'prefix'), textOf(url, 'after')];
  const { log, fanOut } = context;
  if (!log.directory) throw new Problem('unsupported', 'The log of this hub cannot list its topics');
  await context.ready(exchange);
  const publicOnly = isPublicOnly(rights);
  const page = await pageOf(log.directory, { prefix, after, publicOnly });
  const topics = await describeTopics(context, page.topics);
  const position = publicOnly ? fanOut.publicPosition : fanOut.position;
  return jsonAnswer(
    200,
    JSON.stringify({
      topics,
      total: page.total,
      cursor: formatCursor(position),
      epoch: position.epoch,
    }),
  );
}

/** A parameter that may be the beginning of a topic. @throws {Problem} `invalid-topic` @throws {ServerError} `ERR_INVALID_PARAMETER` */
function textOf({ searchParams }: URL, name: string): string {
  const text = parameter(searchParams, name) ?? '';
  const length = Buffer.byteLength(text);
  if (length <= MAX_NAME_BYTES) return text;
  throw new Problem(
    'invalid-topic',
    `The parameter ${name} is ${length} bytes long; at most ${MAX_NAME_BYTES} are allowed`,
  );
}

/** Topics as they are listed (PROTOCOL §7.1). */
export async function describeTopics(
  { everyone }: FaceContext,
  summaries: readonly TopicSummary[],
): Promise<readonly object[]> {
  const listeners = await everyone.counts(summaries.map(({ topic }) => topic));
  return summaries.map(({ topic, state, isLeased, events, bytes, last }, index) => ({
    topic,
    state,
    ...(isLeased ? { leased: true } : {}),
    events,
    bytes,
    listeners: listeners[index],
    last: new Date(last).toISOString(),
  }));
}

async function pageOf(
  directory: TopicDirectory,
  { prefix, after, publicOnly }: { readonly prefix: string; readonly after: string; readonly publicOnly: boolean },
): Promise<{ topics: readonly TopicSummary[]; total: number }> {
  // The names that begin with a prefix lie together. A name that is before each of them leads there.
  const before = compareBytes(after, prefix) >= 0 ? after : justBefore(prefix);
  const request = {
    order: 'name',
    limit: MAX_TOPICS,
    publicOnly,
    ...(before === '' ? {} : { after: before }),
  } as const;
  const { topics, total } = await directory.list(request);
  const skipped = topics.findIndex(({ topic }) => topic.startsWith(prefix));
  const found = skipped === -1 ? [] : topics.slice(skipped);
  const end = found.findIndex(({ topic }) => !topic.startsWith(prefix));
  return { topics: end === -1 ? found : found.slice(0, end), total };
}

/** A text that is before every text that begins with the prefix. Next to nothing is between the two. */
function justBefore(prefix: string): string {
  const characters = Array.from(prefix);
  const last = characters.pop()?.codePointAt(0) ?? 0;
  if (last === 0) return characters.join('');
  // Surrogates are no characters.
  const one = last === 0xe0_00 ? 0xd7_ff : last - 1;
  return `${characters.join('')}${String.fromCodePoint(one)}\u{10ffff}\u{10ffff}`;
}

function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
