import { type Answer, codedFor, type EventStreamHandle, pump, type SharedChunk } from '@tidings/server/live';
import { streamAnswer } from '../../http/answer.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
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

  /** Answers a sender that may know who listens to the topic. @throws {Problem} `too-many-listeners` and others */
  answer(exchange: Exchange, topic: string): Answer {
    const { reports, audience, keepAliveMs, limits } = this.#context;
    if (this.#open >= limits.maxPresenceStreams) {
      throw new Problem(
        'too-many-listeners',
        `There are ${this.#open} streams that tell who listens; at most ${limits.maxPresenceStreams} are allowed`,
      );
    }
    this.#context.requireHolding(exchange);
    const { headers, coding } = this.#context.streamHead(exchange);
    const { clock, closing, fanOut } = this.#context;
    const source = ({ signal }: EventStreamHandle): AsyncIterable<SharedChunk> =>
      listenerFeed(topic, {
        presence: fanOut.presence,
        documents: this.#documents,
        clock,
        signals: [signal, closing],
      });
    const admission = audience.reserve(exchange.request, exchange.rights, async (sink) => {
      // A token that was revoked while the head was written was not among those whose streams were broken off.
      if (!this.#context.holds(exchange)) return sink.destroy();
      // Others may have begun meanwhile, too.
      if (this.#open >= limits.maxPresenceStreams) return sink.destroy();
      this.#open += 1;
      try {
        await pump(source, codedFor(sink, coding), { keepAliveMs });
      } catch (error) {
        // The stream is broken off, and its reader comes back.
        reports.error(error, 'The listeners of a topic could not be sent on');
      } finally {
        this.#open -= 1;
      }
    });
    return streamAnswer(headers, admission);
  }
}
