import {
  checkParameters,
  codedFor,
  pump,
  SharedChunk,
  type Answer,
  type EventStreamHandle,
} from '@tidings/server/live';
import { formatCursor, type TopicDirectory } from '@tidings/server/log';
import { encodeEvent } from '@tidings/wire';
import { requireRight } from '../../access/require.ts';
import { jsonAnswer, streamAnswer } from '../../http/answer.ts';
import { asksForStream } from '../../http/preference.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import { sleep } from '../../http/sleep.ts';
import type { FaceContext } from '../face.ts';
import { PAGE_PARAMETERS } from './history.ts';
import { OF_STREAMS } from './listen.ts';
import { MATCHERS } from './matchers.ts';
import { describeTopics, isPublicOnly, SEARCH } from './search.ts';

const MAX_TOPICS = 1000;

// A document for streams is made at most twice in this time, however many streams there are.
const REFRESH_MS = 1000;

/** What is listed: everything, or only what public events show. */
type Kind = 'all' | 'public';

/** A document, made for all who get it. */
class TopicDocument {
  readonly text: string;
  #event: SharedChunk | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The event that streams send. */
  get event(): SharedChunk {
    this.#event ??= SharedChunk.fromText(encodeEvent({ event: 'topics', data: this.text }));
    return this.#event;
  }
}

interface Recent {
  readonly document: Promise<TopicDocument>;
  /** When the document was made, by the clock's `now`. */
  readonly madeAt: number;
  /** The position of the log, and the number of listeners, when it was made. */
  readonly state: string;
}

/** The list of topics, as a document and as a stream of documents (PROTOCOL §7). */
export class TopicDocuments {
  readonly #context: FaceContext;
  readonly #recent = new Map<Kind, Recent>();
  /** The last document of each kind. It is taken again if nothing has changed. */
  readonly #last = new Map<Kind, TopicDocument>();

  constructor(context: FaceContext) {
    this.#context = context;
  }

  /** @throws {Problem} @throws {ServerError} */
  async answer(exchange: Exchange): Promise<Answer> {
    const { request, url, rights } = exchange;
    requireRight(rights, 'listen', [{ pattern: '*', base: this.#context.topicsBase }], 'list the topics');
    checkList(url.searchParams);
    const directory = this.#directory();
    await this.#context.ready(exchange);
    const kind = isPublicOnly(rights) ? 'public' : 'all';
    if (!asksForStream(request)) {
      const { text } = await this.#current(directory, kind);
      return jsonAnswer(200, text);
    }
    const { reports, audience, keepAliveMs } = this.#context;
    const { headers, coding } = this.#context.streamHead(exchange);
    const source = ({ signal }: EventStreamHandle): AsyncIterable<SharedChunk> => this.#stream(directory, kind, signal);
    const admission = await audience.reserve(request, rights, (sink) =>
      // A stream that fails is broken off, and its page comes back.
      pump(source, codedFor(sink, coding), { keepAliveMs }).catch((error: unknown) =>
        reports.error(error, 'The list of topics could not be sent on'),
      ),
    );
    return streamAnswer(headers, admission);
  }

  #directory(): TopicDirectory {
    const { directory } = this.#context.log;
    if (directory) return directory;
    throw new Problem('unsupported', 'The log of this hub cannot list its topics');
  }

  /** One document at once, then one whenever it has changed. A listener that does not read skips those of that time. */
  async *#stream(directory: TopicDirectory, kind: Kind, signal: AbortSignal): AsyncIterable<SharedChunk> {
    const { clock, closing } = this.#context;
    let last: TopicDocument | undefined;
    while (!signal.aborted && !closing.aborted) {
      const document = await this.#shared(directory, kind);
      if (document !== last) yield document.event;
      last = document;
      await sleep(clock, REFRESH_MS, [signal, closing]);
    }
  }

  /** The document that all streams of its kind share. */
  #shared(directory: TopicDirectory, kind: Kind): Promise<TopicDocument> {
    const recent = this.#recent.get(kind);
    return recent && this.#isFresh(recent) ? recent.document : this.#renew(directory, kind);
  }

  /** The present document of a kind: the last one if no event and no listener has come since. What other processes of the hub have is asked each time. */
  #current(directory: TopicDirectory, kind: Kind): Promise<TopicDocument> {
    const recent = this.#recent.get(kind);
    if (recent && this.#context.processes.isAlone && this.#isFresh(recent) && recent.state === this.#state)
      return recent.document;
    return this.#renew(directory, kind);
  }

  #isFresh({ madeAt }: Recent): boolean {
    return this.#context.clock.now() - madeAt < REFRESH_MS / 2;
  }

  get #state(): string {
    const { fanOut } = this.#context;
    return `${formatCursor(fanOut.position)} ${fanOut.listeners}`;
  }

  #renew(directory: TopicDirectory, kind: Kind): Promise<TopicDocument> {
    const [madeAt, state] = [this.#context.clock.now(), this.#state];
    const document = this.#make(directory, kind);
    const recent: Recent = { document, madeAt, state };
    this.#recent.set(kind, recent);
    // A failed attempt is not kept.
    document.catch(() => {
      if (this.#recent.get(kind) === recent) this.#recent.delete(kind);
    });
    return document;
  }

  async #make(directory: TopicDirectory, kind: Kind): Promise<TopicDocument> {
    const { fanOut } = this.#context;
    const publicOnly = kind === 'public';
    const page = await directory.list({ order: 'time', limit: MAX_TOPICS, publicOnly });
    const topics = await describeTopics(this.#context, page.topics);
    const position = publicOnly ? fanOut.publicPosition : fanOut.position;
    const cursor = formatCursor(position);
    const text = JSON.stringify({ topics, total: page.total, cursor, epoch: position.epoch });
    const last = this.#last.get(kind);
    if (last?.text === text) return last;
    const document = new TopicDocument(text);
    this.#last.set(kind, document);
    return document;
  }
}

/** Checks the parameters of a request for the list, which has none. @throws {Problem} @throws {ServerError} `ERR_INVALID_PARAMETER` */
function checkList(query: URLSearchParams): void {
  const ofListeners = [...OF_STREAMS, ...PAGE_PARAMETERS];
  const found = ofListeners.find((name) => query.has(name));
  checkParameters(query, [...MATCHERS, ...SEARCH, ...(found === undefined ? [] : ofListeners)]);
  if (found === undefined) return;
  throw new Problem(
    'invalid-parameter',
    `The query parameter ${found} is for listening, and nothing says to which topics: add match or match_urlpattern, or name one topic as /topics/{topic}. ` +
      'Without them GET /topics is the list of topics',
  );
}
