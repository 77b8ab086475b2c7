import { ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import type { FollowStart } from '../event-log.ts';
import type { ValuesChange } from '../stored-values.ts';
import type { LogFacts } from './asking-log.ts';
import type { NamedCounts } from './peers/peers.ts';
import type { CountChange } from './peers/shared-counts.ts';
import type { SentError } from './sent-error.ts';
import type { Question } from './question.ts';

// A message is u32 bytes of what follows · u32 bytes of the head · the head, JSON · its entries, if the head says that it has some (entries.ts).
const LENGTHS = 8;

/** What both sides have to speak. Another number cannot be talked to. */
export const VERSION = 2;

/**
 * The bytes of one message at most, which guards the memory of both sides: a batch of 16 MiB in which every character has to be escaped, and an event as large as a
 * log takes, fit.
 */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** What the process of the log says. */
export type HostMessage =
  /** The first message. `marks` makes the marks of all processes of the log the same, and `secret` is for what else they have together: bytes in Base64. */
  | {
      readonly is: 'hello';
      readonly version: number;
      readonly facts: LogFacts;
      /** That of the process, from 1. */
      readonly number: number;
      readonly marks: string;
      readonly secret: string;
    }
  /** Following begins, for the first time or behind what was left out. */
  | { readonly is: 'start'; readonly start: FollowStart }
  /** What was committed, as its entries. */
  | { readonly is: 'batch' }
  | { readonly is: 'lost'; readonly reason: string }
  | {
      readonly is: 'answer';
      readonly id: number;
      readonly value?: unknown;
      /** Whether it is a page, and its entries follow the head. */
      readonly isPage?: true;
      readonly error?: SentError;
    }
  | { readonly is: 'values'; readonly id: number; readonly change: ValuesChange }
  /** Another process asks all others. */
  | { readonly is: 'query'; readonly id: number; readonly question: unknown }
  /** Another process tells all others. */
  | { readonly is: 'told'; readonly news: unknown }
  /** Another process is gone. */
  | { readonly is: 'gone'; readonly number: number };

/** What a process says that uses the log. Each `id` is its own, and rises. */
export type UserMessage =
  | { readonly is: 'hello'; readonly version: number }
  | { readonly is: 'follow' }
  | { readonly is: 'ask'; readonly id: number; readonly question: Question }
  /** The answer is no longer wanted. */
  | { readonly is: 'leave'; readonly id: number }
  | { readonly is: 'watch'; readonly id: number; readonly prefix: string }
  | { readonly is: 'unwatch'; readonly id: number }
  /** Asks all others. */
  | { readonly is: 'peers'; readonly id: number; readonly question: unknown }
  /** Answers a query. */
  | { readonly is: 'reply'; readonly id: number; readonly value?: unknown }
  /** Tells all others, and waits for no answer. */
  | { readonly is: 'tell'; readonly news: unknown }
  /** Changes counts that all processes have together. The answer has those that were refused. */
  | { readonly is: 'count'; readonly id: number; readonly changes: readonly CountChange[] }
  /** What the process has counted since it was started. */
  | { readonly is: 'keep'; readonly counts: NamedCounts }
  /** Asks for what was kept. */
  | { readonly is: 'record'; readonly id: number }
  /** Events to append when the process is gone without `bye`; without events, what was left under the name is taken back. */
  | { readonly is: 'will'; readonly name: string; readonly events?: readonly NewEvent[] }
  /** The process has closed its log. */
  | { readonly is: 'bye' };

/** A message and what follows its head. */
export interface Received<Message> {
  readonly message: Message;
  readonly rest: Buffer;
}

/**
 * Encodes a message.
 * @param rest what follows its head
 * @throws {ServerError} `ERR_INVALID_OPTION` if it is not plain data, `ERR_BATCH_TOO_LARGE`
 */
export function encodeMessage(message: HostMessage | UserMessage, rest: readonly Uint8Array[] = []): Buffer {
  let head: string;
  try {
    head = JSON.stringify(message);
  } catch (cause) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `What is sent to the process of the log must be plain data: ${String(cause)}`,
      {
        cause,
      },
    );
  }
  const headBytes = Buffer.byteLength(head);
  let bytes = LENGTHS + headBytes;
  for (const part of rest) bytes += part.length;
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new ServerError(
      'ERR_BATCH_TOO_LARGE',
      `What is sent to the process of the log takes ${bytes} bytes; the limit is ${MAX_MESSAGE_BYTES}`,
    );
  }
  const encoded = Buffer.allocUnsafeSlow(bytes);
  encoded.writeUInt32BE(bytes - 4, 0);
  encoded.writeUInt32BE(headBytes, 4);
  encoded.write(head, LENGTHS);
  let at = LENGTHS + headBytes;
  for (const part of rest) {
    encoded.set(part, at);
    at += part.length;
  }
  return encoded;
}

/** Puts messages together from the parts in which they come. */
export class MessageReader<Message> {
  readonly #onMessage: (received: Received<Message>) => void;
  /** What has come and is not a whole message. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** How many bytes the message has that comes now; 0 if that is not known. */
  #needed = 0;

  constructor(onMessage: (received: Received<Message>) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws {Error} if what comes is no message, or is too large for one */
  write(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes < Math.max(this.#needed, 4)) return;
    const all = this.#parts.length === 1 ? part : Buffer.concat(this.#parts);
    let at = 0;
    for (;;) {
      const rest = all.length - at;
      this.#needed = rest < 4 ? 0 : all.readUInt32BE(at) + 4;
      if (this.#needed > MAX_MESSAGE_BYTES) {
        throw new Error(`A message of ${this.#needed} bytes; the limit is ${MAX_MESSAGE_BYTES}`);
      }
      if (rest < 4 || rest < this.#needed) break;
      this.#read(all.subarray(at, at + this.#needed));
      at += this.#needed;
    }
    this.#parts = at === all.length ? [] : [all.subarray(at)];
    this.#bytes = all.length - at;
  }

  #read(encoded: Buffer): void {
    if (encoded.length < LENGTHS) throw new Error('A message without a head');
    const end = LENGTHS + encoded.readUInt32BE(4);
    if (end > encoded.length) throw new Error('A message whose head is cut');
    const message = JSON.parse(encoded.toString('utf8', LENGTHS, end)) as Message;
    this.#onMessage({ message, rest: encoded.subarray(end) });
  }
}
