import { fstatSync } from 'node:fs';
import { Publisher, type PublisherOptions, type PublisherState } from '@tidings/client/publisher';
import type { EventFields } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { unreachable } from '../http/failure.ts';
import { authorization, type HubAddress } from '../http/hub-address.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice } from '../terminal/output.ts';
import { formatCount } from '../terminal/quantity.ts';
import type { EventInput } from './event-input.ts';
import { LineInput } from './line-input.ts';
import { describeReason } from './refusal.ts';
import { StreamInput } from './stream-input.ts';

/** How long a single event is sent again while the hub does not answer, in milliseconds. A person is waiting for it. */
const SINGLE_PATIENCE_MS = 5_000;

/** How long the command still tries to publish what it has read after Ctrl-C, in milliseconds. */
const INTERRUPTED_PATIENCE_MS = 3_000;

const STDIN = 0;

const INTERRUPTED = 'interrupted before the hub had confirmed all events';

/** The waits between attempts, in milliseconds. They are short, so that the command soon notices that the hub is back. */
const RETRY = { initialMs: 100, maxMs: 3_000, maxRetryAfterMs: 60_000 };

/** A single failure is often only a connection that the hub had closed. This many in a row are reported. */
const REPORTED_FAILURES = 2;

/** Reading pauses while this much is waiting, because an input may be faster than the hub and would fill the memory. */
const QUEUE = { maxQueuedEvents: 4_000, maxQueuedBytes: 4 * 1024 * 1024 };

/** The form of a cursor (PROTOCOL §1). */
const CURSOR = /^[a-z0-9]{1,16}\.(?:0|[1-9]\d{0,14})$/;

export interface EventPublish {
  readonly hub: HubAddress;
  readonly topic: string;
  readonly data: string;
  /** @default 'message' */
  readonly type?: string | undefined;
  /** @default the cursor that the hub gives it */
  readonly id?: string | undefined;
  /** The key of the value that it updates (PROTOCOL §13). */
  readonly latestKey?: string | undefined;
  /** Whether that key is forgotten with it. @default false */
  readonly forget?: boolean | undefined;
}

export interface InputPublish {
  readonly hub: HubAddress;
  readonly topic: string;
  readonly format: 'lines' | 'event-stream';
  /** The type of each line. @default 'message' */
  readonly type?: string | undefined;
  /** Whether the topic is closed behind the input, so that an empty one is no news. @default false */
  readonly isClosed?: boolean;
}

/**
 * Publishes one event and prints its id.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function publishEvent(event: EventPublish): Promise<void> {
  const { hub, topic, data, type, id, latestKey: key, forget } = event;
  let lost: unknown;
  const onState = ({ phase, error }: PublisherState): void => {
    // The last state says only that the time was over, and not why no attempt has succeeded.
    if (phase !== 'closed') lost = error ?? lost;
  };
  const publisher = publisherTo(hub, { onState });
  const publication = publisher.publish(topic, { data, type, id, key, forget });
  const closed = publisher.close({ patienceMs: SINGLE_PATIENCE_MS });
  try {
    process.stdout.write(`${await publication}\n`);
  } catch (error) {
    const { text, status } = describeReason(isGivenUp(error) ? lost : error);
    throw status === undefined ? unreachable('publish to', hub, text, error) : refused(text, error);
  }
  await closed;
}

/**
 * Publishes standard input as it comes, until it ends.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_INPUT`, and after Ctrl-C `ERR_UNREACHABLE`
 */
export async function publishInput({ hub, topic, format, type, isClosed = false }: InputPublish): Promise<void> {
  const pipe = new Pipe(hub, topic, format === 'lines' ? 'line' : 'event');
  const input = format === 'lines' ? new LineInput({ type, onNotice: notice }) : new StreamInput();
  if (process.stdin.isTTY) notice('Each line is published as one event (Ctrl-D ends)');
  const release = onInterrupt(() => pipe.interrupt());
  try {
    await read(input, pipe);
    await pipe.finish();
  } finally {
    release();
    if (!isClosed || !pipe.isEmpty) notice(pipe.summary);
  }
}

/** Standard input on its way to a topic. */
class Pipe {
  readonly #hub: HubAddress;
  readonly #topic: string;
  readonly #unit: string;
  readonly #publisher: Publisher;
  #read = 0;
  #published = 0;
  #failure: CliError | undefined;
  #isInterrupted = false;
  #isLost = false;

  constructor(hub: HubAddress, topic: string, unit: string) {
    this.#hub = hub;
    this.#topic = topic;
    this.#unit = unit;
    const onState = (state: PublisherState): void => this.#follow(state);
    this.#publisher = publisherTo(hub, { ...QUEUE, stopAtRefusal: true, onState });
  }

  /** Takes events, in order. Resolves when there is room for more. @throws {CliError} what has ended the pipe */
  async add(events: readonly EventFields[]): Promise<void> {
    let last: Promise<void> | undefined;
    for (const { event: type, data = '', id = '', retry } of events) {
      const number = ++this.#read;
      // In a copy of a stream, the ids that a hub gave are places in another log.
      const own = id === '' || CURSOR.test(id) ? {} : { id };
      const publication = this.#publisher.publish(this.#topic, { data, type, retry, ...own });
      publication.then(
        () => (this.#published += 1),
        (error: unknown) => this.#fail(number, error),
      );
      last = publication.accepted;
    }
    // Why it is not accepted is told by the publication.
    await last?.catch(() => {});
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when everything is published. @throws {CliError} what has ended the pipe */
  async finish(): Promise<void> {
    await this.#publisher.close();
    if (this.#failure) throw this.#failure;
  }

  /** Ends the input. What has been read is still published, for a while. */
  interrupt(): void {
    this.#isInterrupted = true;
    process.stdin.destroy();
    void this.#publisher.close({ patienceMs: INTERRUPTED_PATIENCE_MS });
  }

  get isEmpty(): boolean {
    return this.#read === 0;
  }

  get summary(): string {
    const done = `Published ${formatCount(this.#published, 'event')} to ${this.#topic}`;
    const unconfirmed = this.#read - this.#published;
    return unconfirmed === 0 ? done : `${done}, ${formatCount(unconfirmed, 'event')} read but not confirmed`;
  }

  #fail(number: number, error: unknown): void {
    if (this.#failure) return;
    const { text, status } = describeReason(error);
    if (this.#isInterrupted && isGivenUp(error)) this.#failure = new CliError('ERR_UNREACHABLE', INTERRUPTED);
    else if (status === 413) {
      const name = `${this.#unit} ${number.toLocaleString('en-US')}`;
      this.#failure = refused(`${name} is too large for the hub: ${text}`, error);
    } else this.#failure = refused(text, error);
    // Nothing more can be published, and the input may not end for a long time.
    process.stdin.destroy();
  }

  #follow({ phase, attempt, error }: PublisherState): void {
    if (phase === 'waiting' && attempt > REPORTED_FAILURES && !this.#isLost) {
      this.#isLost = true;
      const { text } = describeReason(error);
      notice(`Cannot publish to the hub at ${this.#hub.url.href} (${text}), trying again…`);
    } else if (attempt === 1 && !error && this.#isLost) {
      this.#isLost = false;
      notice('Publishing again');
    }
  }
}

/** Publishes what was read before a mistake in the input, too. */
async function read(input: EventInput, pipe: Pipe): Promise<void> {
  try {
    for await (const chunk of inputChunks()) await collect((emit) => input.read(chunk, emit), pipe);
    await collect((emit) => input.end(emit), pipe);
  } catch (error) {
    if (error instanceof CliError && error.code === 'ERR_INPUT') await pipe.finish();
    throw error;
  }
}

/**
 * Ends where standard input was destroyed, after Ctrl-C or a failure.
 * @throws {CliError} `ERR_INPUT` if it is a folder
 */
async function* inputChunks(): AsyncGenerator<Uint8Array> {
  // Node takes it for an empty one.
  if (isFolder(STDIN)) throw new CliError('ERR_INPUT', 'standard input is a folder, but must be a file or a pipe');
  try {
    yield* process.stdin as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

function isFolder(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isDirectory();
  } catch {
    return false;
  }
}

async function collect(source: (emit: (event: EventFields) => void) => void, pipe: Pipe): Promise<void> {
  const events: EventFields[] = [];
  try {
    source((event) => events.push(event));
  } finally {
    await pipe.add(events);
  }
}

function publisherTo(hub: HubAddress, options: PublisherOptions): Publisher {
  return new Publisher(hub.url, { headers: authorization(hub), retry: RETRY, ...options });
}

/** Whether there was no answer in time. */
function isGivenUp(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return (code === 'ERR_CLOSED' || code === 'ERR_UNCONFIRMED') && cause?.code === undefined;
}

function refused(text: string, cause: unknown): CliError {
  return new CliError('ERR_REFUSED', text, { cause });
}
