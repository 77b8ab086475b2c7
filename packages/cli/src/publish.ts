import { randomUUID } from 'node:crypto';
import { CliError } from './cli-error.ts';
import { deliver, type Parcel } from './delivery.ts';
import type { EventInput } from './event-input.ts';
import { authorization, type HubAddress, topicUrl } from './hub-address.ts';
import { LineInput } from './line-input.ts';
import { notice } from './notice.ts';
import { waitMs } from './outbox.ts';
import type { OutgoingEvent } from './outgoing-event.ts';
import { Publisher } from './publisher.ts';
import { formatCount } from './quantity.ts';
import { StreamInput } from './stream-input.ts';

/** How long a single event is tried in milliseconds while the hub does not answer: a person waits. */
const SINGLE_PATIENCE_MS = 5_000;

/** How long what has been read may still take after Ctrl-C, in milliseconds. */
const INTERRUPTED_PATIENCE_MS = 3_000;

const INTERRUPTED = 'interrupted before the hub had confirmed all that was read';

export interface SinglePublish {
  readonly hub: HubAddress;
  readonly topic: string;
  readonly data: string;
  /** @default 'message' */
  readonly type?: string | undefined;
  /** @default the event's cursor */
  readonly id?: string | undefined;
}

export interface InputPublish {
  readonly hub: HubAddress;
  readonly topic: string;
  readonly format: 'lines' | 'event-stream';
  /** Of each line. @default 'message' */
  readonly type?: string | undefined;
}

/**
 * Publishes one event and prints its id.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function publishEvent({ hub, topic, data, type, id }: SinglePublish): Promise<void> {
  const url = topicUrl(hub.url, topic);
  if (type !== undefined) url.searchParams.set('type', type);
  if (id !== undefined) url.searchParams.set('id', id);
  const headers = { ...authorization(hub), 'content-type': 'text/plain; charset=utf-8' };
  const parcel: Parcel = { body: data, idempotencyKey: randomUUID() };
  const deadline = performance.now() + SINGLE_PATIENCE_MS;
  for (let failures = 1; ; failures++) {
    const outcome = await deliver(url, headers, parcel);
    if (outcome.type === 'answered') {
      process.stdout.write(`${outcome.id}\n`);
      return;
    }
    const wait = waitMs(failures, outcome.retryAfterMs, Math.random());
    if (performance.now() + wait > deadline) {
      throw outcome.reached ? new CliError('ERR_REFUSED', outcome.reason) : unreachable(hub, outcome.reason);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/**
 * Publishes standard input, as it comes, until it ends.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_INPUT`, and after Ctrl-C `ERR_UNREACHABLE`
 */
export async function publishInput({ hub, topic, format, type }: InputPublish): Promise<void> {
  const url = topicUrl(hub.url, topic);
  const headers = { ...authorization(hub), 'content-type': 'text/event-stream' };
  const publisher = new Publisher({
    send: async (batch) => {
      try {
        return await deliver(url, headers, batch);
      } catch (error) {
        // What comes next would only be refused as well, and may not come for long.
        process.stdin.destroy();
        throw error;
      }
    },
    onLost: (reason) => notice(`Cannot publish to the hub at ${hub.url.href} (${reason}), trying again…`),
    onBack: () => notice('Publishing again'),
  });
  const input = format === 'lines' ? new LineInput({ type, onNotice: notice }) : new StreamInput();
  if (process.stdin.isTTY) notice('One event a line, Ctrl-D ends');
  const interruption = interrupt(publisher);
  try {
    await read(input, publisher);
    await publisher.finish();
  } catch (error) {
    notice(summary(publisher, topic));
    throw error;
  } finally {
    interruption.dispose();
  }
  notice(summary(publisher, topic));
}

/** What was read before a mistake of the input is published all the same. */
async function read(input: EventInput, publisher: Publisher): Promise<void> {
  try {
    for await (const chunk of inputChunks()) await collect((emit) => input.read(chunk, emit), publisher);
    await collect((emit) => input.end(emit), publisher);
  } catch (error) {
    if (error instanceof CliError && error.code === 'ERR_INPUT') await publisher.finish();
    throw error;
  }
}

/** Ends quietly where standard input was destroyed, after Ctrl-C or a refusal. */
async function* inputChunks(): AsyncGenerator<Uint8Array> {
  try {
    yield* process.stdin as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

async function collect(source: (emit: (event: OutgoingEvent) => void) => void, publisher: Publisher): Promise<void> {
  const events: OutgoingEvent[] = [];
  try {
    source((event) => events.push(event));
  } finally {
    await publisher.add(events);
  }
}

/** Ctrl-C ends the input; what has been read still goes out, for a while. The second one ends everything. */
function interrupt(publisher: Publisher): { dispose: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    if (timer !== undefined) process.exit(130);
    timer = setTimeout(() => publisher.abandon(new CliError('ERR_UNREACHABLE', INTERRUPTED)), INTERRUPTED_PATIENCE_MS);
    process.stdin.destroy();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    dispose: () => {
      clearTimeout(timer);
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}

function summary({ published, unpublished }: Publisher, topic: string): string {
  const done = `Published ${formatCount(published, 'event')} to ${topic}`;
  return unpublished === 0 ? done : `${done}, ${formatCount(unpublished, 'event')} read but not confirmed`;
}

function unreachable(hub: HubAddress, reason: string): CliError {
  return new CliError(
    'ERR_UNREACHABLE',
    `cannot publish to the hub at ${hub.url.href} (${reason}): is it running? "tidings serve" starts one`,
  );
}
