import { CliError } from '../errors.ts';
import { unreachable } from '../http/failure.ts';
import { authorization, type HubAddress, topicUrl } from '../http/hub-address.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice } from '../terminal/output.ts';
import { formatCount } from '../terminal/quantity.ts';
import { type Batch, newIdempotencyKey, publishBatch, waitMs } from './batch.ts';
import type { EncodedEvent, EventInput } from './event-input.ts';
import { LineInput } from './line-input.ts';
import { Publisher } from './publisher.ts';
import { StreamInput } from './stream-input.ts';

/** How long a single event is sent again while the hub does not answer, in milliseconds. A person is waiting for it. */
const SINGLE_PATIENCE_MS = 5_000;

/** How long the command still tries to publish what it has read after Ctrl-C, in milliseconds. */
const INTERRUPTED_PATIENCE_MS = 3_000;

const INTERRUPTED = 'interrupted before the hub had confirmed all events';

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
}

/**
 * Publishes one event and prints its id.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function publishEvent(event: EventPublish): Promise<void> {
  const { hub, topic, data, type, id, latestKey, forget } = event;
  const url = topicUrl(hub.url, topic);
  if (type !== undefined) url.searchParams.set('type', type);
  if (id !== undefined) url.searchParams.set('id', id);
  if (latestKey !== undefined) url.searchParams.set('key', latestKey);
  if (forget === true) url.searchParams.set('forget', '');
  const headers = { ...authorization(hub), 'content-type': 'text/plain; charset=utf-8' };
  const batch: Batch = { body: data, idempotencyKey: newIdempotencyKey() };
  const deadline = performance.now() + SINGLE_PATIENCE_MS;
  for (let failures = 1; ; failures++) {
    const result = await publishBatch(url, headers, batch);
    if (result.type === 'published') {
      process.stdout.write(`${result.id}\n`);
      return;
    }
    if (result.type === 'too-large') throw new CliError('ERR_REFUSED', result.refusal);
    const wait = waitMs(failures, result.retryAfterMs, Math.random());
    if (performance.now() + wait > deadline) {
      throw result.reached ? new CliError('ERR_REFUSED', result.reason) : unreachable('publish to', hub, result.reason);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/**
 * Publishes standard input as it comes, until it ends.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_INPUT`, and after Ctrl-C `ERR_UNREACHABLE`
 */
export async function publishInput({ hub, topic, format, type }: InputPublish): Promise<void> {
  const url = topicUrl(hub.url, topic);
  const headers = { ...authorization(hub), 'content-type': 'text/event-stream' };
  const unit = format === 'lines' ? 'line' : 'event';
  const publisher = new Publisher({
    send: (batch) => publishBatch(url, headers, batch),
    onLost: (reason) => notice(`Cannot publish to the hub at ${hub.url.href} (${reason}), trying again…`),
    onBack: () => notice('Publishing again'),
    tooLarge: (number, refusal) =>
      new CliError('ERR_REFUSED', `${unit} ${number.toLocaleString('en-US')} is too large for the hub: ${refusal}`),
    // Nothing more can be published, and the input may not end for a long time.
    onFailure: () => process.stdin.destroy(),
  });
  const input = format === 'lines' ? new LineInput({ type, onNotice: notice }) : new StreamInput();
  if (process.stdin.isTTY) notice('Each line is published as one event (Ctrl-D ends)');
  const release = interruptible(publisher);
  try {
    await read(input, publisher);
    await publisher.finish();
  } finally {
    release();
    notice(summary(publisher, topic));
  }
}

/** Publishes what was read before a mistake in the input, too. */
async function read(input: EventInput, publisher: Publisher): Promise<void> {
  try {
    for await (const chunk of inputChunks()) await collect((emit) => input.read(chunk, emit), publisher);
    await collect((emit) => input.end(emit), publisher);
  } catch (error) {
    if (error instanceof CliError && error.code === 'ERR_INPUT') await publisher.finish();
    throw error;
  }
}

/** Ends where standard input was destroyed, after Ctrl-C or a failure. */
async function* inputChunks(): AsyncGenerator<Uint8Array> {
  try {
    yield* process.stdin as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

async function collect(source: (emit: (event: EncodedEvent) => void) => void, publisher: Publisher): Promise<void> {
  const events: EncodedEvent[] = [];
  try {
    source((event) => events.push(event));
  } finally {
    await publisher.add(events);
  }
}

/** Ctrl-C ends the input. What has been read is still published, for a while. @returns a function that ends this */
function interruptible(publisher: Publisher): () => void {
  let timer: NodeJS.Timeout | undefined;
  const release = onInterrupt(() => {
    timer = setTimeout(() => publisher.abandon(new CliError('ERR_UNREACHABLE', INTERRUPTED)), INTERRUPTED_PATIENCE_MS);
    process.stdin.destroy();
  });
  return () => {
    clearTimeout(timer);
    release();
  };
}

function summary({ published, unconfirmed }: Publisher, topic: string): string {
  const done = `Published ${formatCount(published, 'event')} to ${topic}`;
  return unconfirmed === 0 ? done : `${done}, ${formatCount(unconfirmed, 'event')} read but not confirmed`;
}
