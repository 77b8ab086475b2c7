import { checkNames } from '../errors.ts';
import { checkStartOptions } from '../runs/options.ts';
import { checkChunks } from '../runs/source.ts';
import { checkRuns } from './check-runs.ts';
import type { ItemIterator, RunItem, Runs, RunState, StartOptions } from '../runs/index.ts';
import { brokenBy } from './run-broken.ts';

export interface ResumableStreamContextOptions extends Omit<StartOptions, 'waitUntil'> {
  /** Where the streams are kept: each is a run with the stream's id. */
  readonly runs: Runs;
  /** Keeps a host running that ends with the request, such as `after` of Next.js. @default nothing: the process goes on */
  readonly waitUntil?: StartOptions['waitUntil'] | null | undefined;
}

const OPTIONS: Readonly<Record<keyof ResumableStreamContextOptions, true>> = {
  runs: true,
  waitUntil: true,
  ttl: true,
  lease: true,
  coalesceMs: true,
};

/**
 * The interface of the package `resumable-stream`, over runs. A stream that it returns has what is stored, so that nobody sees a text that could be lost. It closes when the run is done
 * or was stopped, and breaks with `ERR_RUN_BROKEN` when it has failed, is lost, or is no longer kept. It is read as it is pulled: one that nobody reads costs nothing.
 */
export interface ResumableStreamContext {
  /**
   * Starts a stream, or goes on with the one that there is. Resolves to null if that is over.
   * @param makeStream is called only if this call is the first with the id, in whatever process
   * @param skipCharacters how many UTF-16 units of a stream that there is are left out
   */
  resumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>;
  /** The same: with an id that is known there is no second producer, whose text would be mixed into that of the first. */
  createNewResumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>;
  /** Goes on with a stream. Resolves to null if it is over, and to undefined if it is unknown. */
  resumeExistingStream(streamId: string, skipCharacters?: number): Promise<ReadableStream<string> | null | undefined>;
  /** Resolves to null for a stream that is unknown, and to `DONE` for one that is over. */
  hasExistingStream(streamId: string): Promise<null | true | 'DONE'>;
}

/**
 * Makes what the AI SDK's pages on resumable streams take from `resumable-stream`, without Redis: the streams survive the process that makes them.
 * @throws {ServerError} `ERR_INVALID_OPTION`; each method rejects with it for an id that no run can have
 * @example
 * const context = createResumableStreamContext({ runs });
 * return result.toUIMessageStreamResponse({
 *   consumeSseStream: ({ stream }) => context.createNewResumableStream(streamId, () => stream),
 * });
 */
export function createResumableStreamContext(options: ResumableStreamContextOptions): ResumableStreamContext {
  checkNames(options, OPTIONS);
  const { runs: given, waitUntil, ...others } = options;
  const runs = checkRuns(given);
  const startOptions: StartOptions = { ...others, waitUntil: waitUntil ?? undefined };
  checkStartOptions(startOptions);

  const stateOf = async (streamId: string): Promise<RunState> => (await runs.status(streamId)).state;

  const resumeExistingStream: ResumableStreamContext['resumeExistingStream'] = async (streamId, skipCharacters) => {
    const state = await stateOf(streamId);
    if (state === 'unknown') return undefined;
    return state === 'streaming' ? textOf(runs, streamId, skipCharacters) : null;
  };

  const resumableStream: ResumableStreamContext['resumableStream'] = async (streamId, makeStream, skipCharacters) => {
    const { isProducer } = await runs.start(
      streamId,
      async () => checkChunks('makeStream', await Promise.resolve(makeStream()), 'a ReadableStream'),
      startOptions,
    );
    // Who skips has a part of a stream that was, not of this one.
    if (isProducer) return textOf(runs, streamId);
    return (await resumeExistingStream(streamId, skipCharacters)) ?? null;
  };

  return {
    resumableStream,
    createNewResumableStream: resumableStream,
    resumeExistingStream,
    async hasExistingStream(streamId) {
      const state = await stateOf(streamId);
      if (state === 'unknown') return null;
      return state === 'streaming' ? true : 'DONE';
    },
  };
}

/** The texts of a run, from its start to its end. */
function textOf(runs: Runs, id: string, skipCharacters: number = 0): ReadableStream<string> {
  let items: ItemIterator<RunItem> | undefined;
  let skip = skipCharacters;
  const decoder = new TextDecoder();
  return new ReadableStream<string>(
    {
      async pull(controller) {
        items ??= runs.resume(id);
        for (;;) {
          const { value: item } = await items.next();
          const broken = item && brokenBy(id, item);
          if (broken) return controller.error(broken);
          if (item?.type !== 'chunk') return controller.close();
          const text = typeof item.data === 'string' ? item.data : decoder.decode(item.data, { stream: true });
          const rest = text.slice(skip);
          skip -= text.length - rest.length;
          if (rest !== '') return controller.enqueue(rest);
        }
      },
      async cancel() {
        await items?.return();
      },
    },
    { highWaterMark: 0 },
  );
}
