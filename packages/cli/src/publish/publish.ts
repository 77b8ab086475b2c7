import { fstatSync } from 'node:fs';
import type { PublisherState } from '@tidings/client/publisher';
import type { EventFields } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { unreachable } from '../http/failure.ts';
import type { HubAddress } from '../http/hub-address.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice, visible } from '../terminal/output.ts';
import type { EventInput } from './event-input.ts';
import { type CommonMembers, eventsOf, type InputEvent, jsonEvents, type ReadEvent } from './input-event.ts';
import { LineInput } from './line-input.ts';
import type { InputFormat } from './options.ts';
import { Pipe } from './pipe.ts';
import { isGivenUp, publisherTo, refused } from './publisher.ts';
import { describeReason } from './refusal.ts';
import { StreamInput } from './stream-input.ts';

/** How long a single event is sent again while the hub does not answer, in milliseconds. A person is waiting for it. */
const SINGLE_PATIENCE_MS = 5_000;

const STDIN = 0;

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
  /** Whether only listeners get it that get the private events of the topic. @default false */
  readonly isPrivate?: boolean | undefined;
  /** The token of the lease of the topic. @default none */
  readonly token?: string | undefined;
  /** Whether the event closes the topic. One without data and type is the hub's own then. @default false */
  readonly isClosing?: boolean;
}

export interface InputPublish {
  readonly hub: HubAddress;
  /** Undefined only for lines of JSON, each of which names its own then. */
  readonly topic: string | undefined;
  readonly format: InputFormat;
  /** The type of each line. @default 'message' */
  readonly type?: string | undefined;
  /** What all of its events have. Not for lines of JSON, which say it themselves. */
  readonly common?: CommonMembers;
  /** Whether the topic is closed behind the input. @default false */
  readonly isClosing?: boolean;
  /** How long the lease of the topic lasts that is held meanwhile, in milliseconds. @default none is held */
  readonly leaseMs?: number | undefined;
}

/**
 * Publishes one event and prints its id.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_UNREACHABLE`
 */
export async function publishEvent(event: EventPublish): Promise<void> {
  const { hub, topic, data, type, id, latestKey: key, forget, isPrivate, token: lease, isClosing: close } = event;
  let lost: unknown;
  const onState = ({ phase, error }: PublisherState): void => {
    // The last state says only that the time was over, and not why no attempt has succeeded.
    if (phase !== 'closed') lost = error ?? lost;
  };
  const publisher = publisherTo(hub, { onState });
  const publication = publisher.publish(topic, { data, type, id, key, forget, private: isPrivate, lease, close });
  const closed = publisher.close({ patienceMs: SINGLE_PATIENCE_MS });
  try {
    process.stdout.write(`${await publication}\n`);
  } catch (error) {
    const reason = isGivenUp(error) ? lost : error;
    const { text, status } = describeReason(reason);
    throw status === undefined ? unreachable('publish to', hub, text, reason) : refused(text, error);
  }
  await closed;
}

/** Says that a topic is closed. */
export function closedNotice(topic: string): string {
  return `Closed ${visible(topic)}`;
}

/**
 * Publishes standard input as it comes, until it ends. If the topic is closed behind it, it prints the id of the final event.
 *
 * @throws {CliError} `ERR_REFUSED`, `ERR_INPUT`, and after Ctrl-C `ERR_UNREACHABLE`
 */
export async function publishInput(publish: InputPublish): Promise<void> {
  const { hub, topic, format, type, common = {}, isClosing = false, leaseMs } = publish;
  const { private: isPrivate, lease } = common;
  const pipe = new Pipe({
    hub,
    topic: format === 'ndjson' ? undefined : topic,
    unit: format === 'event-stream' ? 'event' : 'line',
    final: isClosing ? { data: '', private: isPrivate, lease, close: true } : undefined,
  });
  const input =
    format === 'event-stream' ? new StreamInput(undefined, notice) : new LineInput({ type, onNotice: notice });
  const readEvent = format === 'ndjson' ? jsonEvents(topic) : eventsOf(topic ?? '', common);
  const release = onInterrupt(() => pipe.interrupt());
  try {
    if (topic !== undefined && leaseMs !== undefined) await pipe.lease(topic, leaseMs);
    if (process.stdin.isTTY) notice('Each line is published as one event (Ctrl-D ends)');
    await read(input, readEvent, pipe);
    await pipe.finish();
  } finally {
    release();
    if (!isClosing || !pipe.isEmpty) notice(pipe.summary);
  }
  if (topic === undefined || pipe.finalId === undefined) return;
  process.stdout.write(`${pipe.finalId}\n`);
  notice(closedNotice(topic));
}

/** Publishes what was read before a mistake in the input, too. */
async function read(input: EventInput, readEvent: ReadEvent, pipe: Pipe): Promise<void> {
  try {
    for await (const chunk of inputChunks()) await collect((emit) => input.read(chunk, emit), readEvent, pipe);
    await collect((emit) => input.end(emit), readEvent, pipe);
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

async function collect(
  source: (emit: (event: EventFields) => void) => void,
  readEvent: ReadEvent,
  pipe: Pipe,
): Promise<void> {
  const events: InputEvent[] = [];
  try {
    source((fields) => {
      const event = readEvent(fields);
      if (event) events.push(event);
    });
  } finally {
    await pipe.add(events);
  }
}
