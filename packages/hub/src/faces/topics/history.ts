import { createHash } from 'node:crypto';
import {
  type Answer,
  duration,
  type EventPage,
  type FanOut,
  findStart,
  joinHeaders,
  news,
  type ListenParameters,
  type PageMemory,
  readEvent,
  readPage,
  type Start,
  turnAfter,
  type View,
  type Visit,
  wholeNumber,
} from '@tidings/server/live';
import type { Rights } from '@tidings/server';
import {
  EARLIEST,
  type EventLog,
  formatCursor,
  formatMarked,
  isCursor,
  type LogEntry,
  parseCursor,
  type Selection,
  Selector,
  toldGap,
  type TopicPhase,
  type TopicTest,
} from '@tidings/server/log';
import { jsonAnswer } from '../../http/answer.ts';
import { Problem, problemOfRefusal } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

/** The query parameters of a page beside those of a listener. */
export const PAGE_PARAMETERS: readonly string[] = ['limit', 'wait'];

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

// Proxies give up a request that is not answered for about a minute.
const MAX_WAIT_MS = 60_000;

// A page has at most this many bytes of events, or one event.
const MAX_PAGE_BYTES = 1024 * 1024;

// What the pages of a hub hold together that are being read.
const MAX_PAGES_BYTES = 64 * 1024 * 1024;

const memories = new WeakMap<FanOut, PageMemory>();

/** What a request for a page asks for, checked. */
export interface Listening {
  readonly parameters: ListenParameters;
  /** What it sees with these rights, or undefined if they do not cover it. */
  readonly view: (granted: Rights) => View | undefined;
}

/** Answers with a page of events (PROTOCOL §14). @throws {Problem} @throws {ServerError} */
export async function answerPage(
  context: FaceContext,
  exchange: Exchange,
  { parameters, view }: Listening,
): Promise<Answer> {
  const { request, rights, url } = exchange;
  const limit = wholeNumber(url.searchParams, 'limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  const waitMs = duration(url.searchParams, 'wait', MAX_WAIT_MS) ?? 0;
  const deadline = new AbortController();
  const end = (): void => deadline.abort();
  const timer = context.clock.setTimeout(end, waitMs);
  context.closing.addEventListener('abort', end);
  try {
    const visited = await context.audience.visit({ request, rights, view }, async (visit) => {
      // Behind the last of them there is nothing: the log need not be read to its end.
      const { lastEventId, last = 0 } = parameters;
      const most = lastEventId === '' && last > 0 ? Math.min(limit, last) : limit;
      const document = await read(context, visit, {
        parameters,
        limit: most,
        deadline: waitMs === 0 ? undefined : deadline.signal,
      });
      return pageAnswer(exchange, document, parameters);
    });
    if (!visited) throw brokenOff();
    if ('refused' in visited) throw problemOfRefusal(visited.refused);
    return visited.answer;
  } finally {
    context.clock.clearTimeout(timer);
    context.closing.removeEventListener('abort', end);
  }
}

interface Asked {
  readonly parameters: ListenParameters;
  readonly limit: number;
  /** Until when to wait for an event. */
  readonly deadline: AbortSignal | undefined;
}

/** A page as it is sent. */
interface PageDocument {
  readonly text: string;
  /** Whether it stays as it is, as long as none of its events is removed. */
  readonly isFinal: boolean;
}

async function read(context: FaceContext, visit: Visit, { parameters, limit, deadline }: Asked): Promise<PageDocument> {
  const { log, fanOut } = context;
  const { view, signal } = visit;
  const memory = memoryOf(fanOut);
  const { accepts } = view;
  const request = {
    ...parameters,
    accepts,
    lastEventId: parameters.lastEventId || (isPlaced(parameters) ? '' : EARLIEST),
  };
  const hasBegunAnew = (epoch: string): boolean => epoch !== fanOut.position.epoch;
  for (;;) {
    const { epoch } = fanOut.position;
    let start: Start = await findStart(log, view.selection, request, { signal });
    for (;;) {
      const asked = { view, start, limit, maxBytes: MAX_PAGE_BYTES, memory, signal };
      const before = await stateOf(log, view.selection);
      const page = await readPage(log, asked, async (found) => {
        const state = stateBehind(found, before);
        const isNews = found.entries.length > 0 || found.gap !== undefined || found.isLast;
        const isDue = isNews || !deadline || deadline.aborted;
        return {
          next: found.next,
          document: isDue ? await documentOf(found, view.selection, epoch, state) : undefined,
        };
      });
      // A new numbering has begun meanwhile: where its events are, the log has to be asked again.
      if (hasBegunAnew(epoch)) break;
      if (page.document) return page.document;
      start = page.next;
      await news(fanOut, view, start, deadline ? AbortSignal.any([deadline, signal]) : signal);
      signal.throwIfAborted();
    }
  }
}

/** The state of the topic behind a page: open, as long as events of it may follow. It may have been closed, deleted or made since it was asked for. */
function stateBehind({ isLast, entries }: EventPage, before: TopicPhase | undefined): TopicPhase | undefined {
  if (before === undefined) return undefined;
  if (isLast) return 'closed';
  return before === 'unknown' && entries.length === 0 ? 'unknown' : 'open';
}

/** The state of the only topic that is selected, as who selects it may know it; undefined if there are others or the log keeps no states. */
async function stateOf(log: EventLog, selection: Selection): Promise<TopicPhase | undefined> {
  const { topics, private: seen } = Selector.of(selection);
  if (topics.only === undefined) return undefined;
  return (await log.topics?.status(topics.only, { publicOnly: !seen.has(topics.only) }))?.state;
}

/** A page in JSON. Other work goes between its events. */
async function documentOf(
  page: EventPage,
  selection: Selection,
  epoch: string,
  state: TopicPhase | undefined,
): Promise<PageDocument> {
  const { gap, next, isFull, mark, entries } = page;
  const cursor = (seq: number): string => formatCursor({ epoch, seq });
  const { topics: asked } = Selector.of(selection);
  const events: string[] = [];
  for (const entry of entries) {
    events.push(describe(entry, asked));
    const turn = turnAfter(entry.frame.length);
    if (turn) await turn;
  }
  const missing = gap && toldGap(gap, cursor);
  // An event's own cursor, also if it was published in an earlier epoch: then the page stays as it is.
  const last = entries.at(-1);
  const plain = last?.seq === next.after && parseCursor(last.id) ? last.id : cursor(next.after);
  // What was missing before this page is not told again on the next one.
  const end = mark === undefined ? plain : formatMarked({ epoch, seq: next.after }, mark);
  const told = missing ? `"gap":${JSON.stringify(missing)},` : '';
  const known = state === undefined ? '' : `,"state":"${state}"`;
  const text = `{"events":[${events.join(',')}],${told}"next":${JSON.stringify(end)}${known}}`;
  return { text, isFinal: isFull && !gap };
}

/** An event in JSON. Nobody is told its other topics: there may be no right to know them. */
function describe(entry: LogEntry, asked: TopicTest): string {
  const { type, data } = readEvent(entry);
  const { id, topics, time, latestKey: key, forgets } = entry;
  const topic = topics.length === 1 ? topics[0] : topics.find((name) => asked.has(name));
  // The key is left out unless it was given.
  return JSON.stringify({ id, topic, type, data, time: new Date(time).toISOString(), key, forget: forgets });
}

/** Whether a request says where its page begins. */
function isPlaced({ lastEventId, last, since }: ListenParameters): boolean {
  return lastEventId !== '' || last !== undefined || since !== undefined;
}

function memoryOf(fanOut: FanOut): PageMemory {
  let memory = memories.get(fanOut);
  if (!memory) memories.set(fanOut, (memory = { held: 0, maxBytes: MAX_PAGES_BYTES }));
  return memory;
}

/** A page that stays as it is can be kept, and asked for again with its tag. Rights and gaps are looked at every time. */
function pageAnswer({ request }: Exchange, { text, isFinal }: PageDocument, { lastEventId }: ListenParameters): Answer {
  const answer = jsonAnswer(200, text);
  if (!isFinal || !isCursor(lastEventId))
    return { ...answer, headers: joinHeaders(answer.headers, { Vary: 'Accept' }) };
  const tag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  const headers = joinHeaders(answer.headers, { 'Cache-Control': 'private, no-cache', ETag: tag, Vary: 'Accept' });
  const known = request.header('if-none-match');
  if (known === undefined || !isListed(tag, known)) return { ...answer, headers };
  const { 'Content-Type': _, ...kept } = headers;
  return { status: 304, headers: kept };
}

/** Whether a list of tags has this one (RFC 9110, 13.1.2). */
function isListed(tag: string, list: string): boolean {
  return list.split(',').some((each) => each.trim().replace(/^W\//, '') === tag || each.trim() === '*');
}

function brokenOff(): Problem {
  return new Problem(
    'broken-off',
    'The request was broken off while it was answered, because its rights have to be decided anew',
    {
      headers: { 'Retry-After': '1' },
    },
  );
}
