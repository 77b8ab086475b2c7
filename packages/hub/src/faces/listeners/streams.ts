import { type Answer, codedFor, type EventStreamHandle, pump, type SharedChunk } from '@tidings/server/live';
import { streamAnswer } from '../../http/answer.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { CountedName } from '../../processes/processes.ts';
import type { FaceContext } from '../face.ts';
import type { ListenerDocuments } from './documents.ts';
import { listenerFeed } from './feed.ts';

/** The streams that tell who listens to a topic, and who comes and goes (PROTOCOL §18). */
export class ListenerStreams {
  readonly #context: FaceContext;
  readonly #documents: ListenerDocuments;
  #open = 0;

  constructor(context: FaceContext, documents: ListenerDocuments) {
    this.#context = context;
    this.#documents = documents;
  }

  /** Answers a sender that may know who listens to the topic. @throws {Problem} (as a rejection) `too-many-listeners` and others */
  async answer(exchange: Exchange, topic: string): Promise<Answer> {
    const { reports, audience, keepAliveMs, processes } = this.#context;
    this.#context.requireHolding(exchange);
    const { headers, coding } = this.#context.streamHead(exchange);
    const { clock, closing, everyone } = this.#context;
    const most = this.#context.limits.maxPresenceStreams;
    const counted: CountedName = { kind: 'presence streams', most };
    if (this.#open >= most) throw tooMany(this.#open, most);
    const source = ({ signal }: EventStreamHandle): AsyncIterable<SharedChunk> =>
      listenerFeed(topic, {
        listeners: everyone,
        documents: this.#documents,
        clock,
        signals: [signal, closing],
      });
    if ((await processes.take(counted)) !== undefined) throw tooMany(most, most);
    // It counts once it has started, and then until its end: an answer may never be sent.
    processes.free(counted);
    const admission = await audience.reserve(exchange.request, exchange.rights, async (sink) => {
      // A token that was revoked while the head was written was not among those whose streams were broken off.
      if (!this.#context.holds(exchange)) return sink.destroy();
      // Others may have begun meanwhile, too.
      if (this.#open >= most) return sink.destroy();
      this.#open += 1;
      processes.add(counted);
      try {
        await pump(source, codedFor(sink, coding), { keepAliveMs });
      } catch (error) {
        // The stream is broken off, and its reader comes back.
        reports.error(error, 'The listeners of a topic could not be sent on');
      } finally {
        this.#open -= 1;
        processes.free(counted);
      }
    });
    return streamAnswer(headers, admission);
  }
}

function tooMany(open: number, most: number): Problem {
  return new Problem(
    'too-many-listeners',
    `There are ${open} streams that tell who listens; at most ${most} are allowed`,
  );
}
