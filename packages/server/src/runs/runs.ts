import type { Clock } from '../clock.ts';
import { type Answer, toResponse } from '../http/answer.ts';
import { fetchHead, type RequestHead } from '../http/request.ts';
import type { ItemIterator } from '../log/reading/iterator.ts';
import {
  type CheckedRunsOptions,
  checkResumeOptions,
  checkRunsOptions,
  checkStartOptions,
  type ResumeOptions,
  type RunsOptions,
  type StartOptions,
} from './options.ts';
import { Production } from './production.ts';
import { answerRun, type RespondOptions } from './respond.ts';
import { RunStops } from './run-stops.ts';
import { abandon, checkProducer, produce, type RunProducer } from './source.ts';
import type { RunEnd, RunItem, RunStatus } from './store/run.ts';
import type { RunStore } from './store/run-store.ts';
import { keepRunning } from './store/keep-running.ts';
import { checkRunId } from './store/run-topics.ts';

/** A run that was started, here or before. */
export interface StartedRun {
  readonly id: string;
  /** Whether this call has made its producer the run's. If not, the run was started before, and may be over. */
  readonly isProducer: boolean;
  /** Resolves when the run of this call's producer is over, to how it has ended; at once, to undefined, for everyone else. It never rejects. */
  readonly over: Promise<RunEnd['state'] | undefined>;
}

/** After how long a stop is asked for again while the run goes on, in milliseconds: soon at first, because a run that only begins has not heard it. */
const FIRST_ASK_MS = 50;
const ASK_MS = 1000;
/** How often it is: for 30 seconds. */
const ASK_TIMES = 34;

/**
 * Runs: answers of models and outputs of jobs, each with one producer, that survive a reload of the page, and the death of the producer's process. What readers get
 * is in the log before. Many instances, in many processes, may work on one log.
 * @example
 * const runs = new Runs({ log });
 * await runs.start('answer-1', async ({ append, signal }) => {
 *   for await (const token of model(signal)) await append(token);
 * });
 * for await (const item of runs.resume('answer-1')) if (item.type === 'chunk') console.log(item.data);
 */
export class Runs {
  /** What keeps the runs, for who writes a face for another library. */
  readonly store: RunStore;
  /** Tells the producers here of requests to stop them, for who writes a face for another library. */
  readonly stops: RunStops;
  /** The clock by which the runs live, for who writes a face for another library. */
  readonly clock: Clock;
  readonly #options: CheckedRunsOptions;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: RunsOptions) {
    this.#options = checkRunsOptions(options);
    this.store = this.#options.store;
    this.clock = this.#options.clock;
    this.stops = new RunStops(this.store, this.#options.onError);
  }

  /**
   * Starts a run, once: of many calls with one id, in whatever process, also after its end, the first one's producer is run. It goes on without the request that has
   * started it, and keeps the process alive. The others' streams are cancelled, and their functions not called. Resolves when it is known whose producer it is.
   * @param id names the run: 1 to 256 characters, without control characters, backslashes, `#`, and segments between slashes that are empty, `.` or `..`
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, `ERR_RUN_OVER` if this call was the first, and its lease has ended before the log had stored the beginning of the run, and what the log refuses
   */
  async start(id: string, producer: RunProducer, options: StartOptions = {}): Promise<StartedRun> {
    checkRunId(id);
    checkProducer(producer);
    const { ttlMs, leaseMs, coalesceMs, waitUntil } = checkStartOptions(options);
    const { clock } = this;
    const { onError } = this.#options;
    const leave = this.#hold();
    let lease;
    try {
      lease = await this.store.acquire(id, { ttlMs, leaseMs });
    } finally {
      if (!lease) {
        leave();
        abandon(producer);
      }
    }
    if (!lease) return { id, isProducer: false, over: Promise.resolve(undefined) };
    const production = new Production(this.store, lease, { clock, coalesceMs, onError });
    const { begunAt } = lease;
    const remove = this.stops.add(id, { begunAt, stop: () => production.end({ state: 'stopped' }) });
    void production.over.then(() => {
      remove();
      leave();
    });
    void produce(id, producer, production);
    // The run has begun, whether its host keeps running or not.
    const hold = async (): Promise<void> => waitUntil?.(production.over);
    hold().catch(onError);
    return { id, isProducer: true, over: production.over };
  }

  /**
   * Iterates over a run from a place, and goes on with what its producer makes. The last item says how it has ended; there is none if the reading begins behind it.
   * Where chunks are no longer kept, or the place is not known, an item says so.
   * @throws {ServerError} `ERR_INVALID_OPTION`; as a rejection of `next()`, what the log throws
   */
  resume(id: string, options: ResumeOptions = {}): ItemIterator<RunItem> {
    const { lastEventId, signal } = checkResumeOptions(options);
    return this.store.read(checkRunId(id), { after: lastEventId, signal });
  }

  /**
   * Answers a request, of whatever method, with a run as an event stream: from its start, or behind the request's last event ID. Each chunk is an event with its id, and the
   * last one is `run-end`, whose data is the state as JSON, such as `{"state":"done"}`. The stream has nothing else but comments, and `tidings-gap` where chunks are missing. Where the run
   * is over and read, the answer is 204, after which an `EventSource` does not come back. An unknown run is 404, and an id that no run can have is 400.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the log refuses
   * @example
   * app.get('/runs/:id', (context) => runs.respond(context.req.raw, context.req.param('id')));
   */
  async respond(request: Request, id: string, options: RespondOptions = {}): Promise<Response> {
    const answer = await this.answer(fetchHead(request), id, options);
    return toResponse(answer, request.signal, request.method === 'HEAD');
  }

  /**
   * Decides the same answer for any server: `sendAnswer` of `@tidings/server/node` sends it.
   * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, and what the log refuses
   * @example
   * sendAnswer(request, response, await runs.answer(nodeHead(request), id));
   */
  async answer(request: RequestHead, id: string, options: RespondOptions = {}): Promise<Answer> {
    return await answerRun(this.store, request, id, options);
  }

  /** What is stored of a run now. It does not wait for more. A run that is unknown has no items. */
  async snapshot(id: string): Promise<readonly RunItem[]> {
    return await this.store.snapshot(checkRunId(id));
  }

  async status(id: string): Promise<RunStatus> {
    return await this.store.status(checkRunId(id));
  }

  /** Removes a run, and stops its producer. Its readers end. Resolves to whether it was known. */
  async delete(id: string): Promise<boolean> {
    const { state } = await this.store.status(checkRunId(id));
    // Before it is deleted: what is asked for behind that would be asked of the next run of this id.
    if (state === 'streaming') await this.store.askToStop(id);
    return await this.store.delete(id);
  }

  /**
   * Stops a run, wherever its producer is: its signal is aborted, and what it has made until then stays. Resolves to what has become of the run. If its producer does not
   * answer within 30 seconds, which one of another kind never does, that is still `streaming`.
   */
  async stop(id: string): Promise<RunStatus> {
    checkRunId(id);
    this.stops.stop(id);
    for (let times = 0; ; times += 1) {
      const status = await this.store.status(id);
      if (status.state !== 'streaming' || times === ASK_TIMES) return status;
      await this.store.askToStop(id);
      await this.#overWithin(status, Math.min(ASK_MS, FIRST_ASK_MS * 2 ** times));
    }
  }

  /** What a producer needs here, until the returned function is called: requests to stop, and a process that goes on. */
  #hold(): () => void {
    const release = keepRunning();
    const leave = this.stops.open();
    return () => {
      release();
      leave();
    };
  }

  /** Resolves when a run is over, or after a time. */
  async #overWithin({ id, lastEventId }: RunStatus, ms: number): Promise<void> {
    const { clock } = this;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), ms);
    try {
      for await (const item of this.store.read(id, { after: lastEventId, signal: late.signal })) {
        if (item.type === 'end') break;
      }
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
