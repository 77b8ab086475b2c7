import type { Rights } from '@tidings/server';
import { parseCursor } from '@tidings/server/log';
import {
  CLOSED_TYPE,
  EventFieldsDecoder,
  EventStreamError,
  GAP_TYPE,
  HEARTBEAT_TYPE,
  isOwnType,
  OWN_TYPE_PREFIX,
  type EventFields,
} from '@tidings/wire';
import { requireAdmin } from '../../access/require.ts';
import { Problem } from '../../http/problem.ts';
import type { HubLimits } from '../../limits.ts';

// The other lines of an event: type, id and retry.
const OTHER_BYTES = 4 * 1024;

// What a line of data is longer by when it is encoded.
const LINE_BYTES = 6;

const CR = 0x0d;
const LF = 0x0a;

/** Turns an event stream that is being uploaded into events to publish (PROTOCOL §4.2). */
export class Upload {
  readonly #decoder: EventFieldsDecoder;
  readonly #limits: HubLimits;
  readonly #rights: Rights;
  #events: EventFields[] = [];
  #pendingBytes = 0;

  constructor(limits: HubLimits, rights: Rights) {
    this.#limits = limits;
    this.#rights = rights;
    this.#decoder = new EventFieldsDecoder({
      maxEventBytes: limits.maxEventBytes + OTHER_BYTES,
      onFields: (fields) => this.#add(fields),
    });
  }

  /** About how many bytes of an incomplete event are held. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * The events that this part of the upload completes.
   * @throws {Problem} `too-large`, `invalid-event`, and `unauthorized` or `forbidden` for events that only a sender that may administer can publish
   */
  write(part: Uint8Array): EventFields[] {
    const { maxEventBytes } = this.#limits;
    try {
      this.#decoder.write(part);
    } catch (error) {
      if (!(error instanceof EventStreamError)) throw error;
      throw new Problem('too-large', `An event of the stream is larger than ${maxEventBytes} bytes`, { cause: error });
    }
    const events = this.#events;
    this.#events = [];
    const before = events.length === 0 ? this.#pendingBytes : 0;
    this.#pendingBytes = Math.min(before + restOf(part), maxEventBytes + OTHER_BYTES);
    return events;
  }

  #add(fields: EventFields): void {
    const { event = 'message', data = '', retry } = fields;
    if (event === HEARTBEAT_TYPE) return;
    if (event === GAP_TYPE || event === CLOSED_TYPE) requireAdmin(this.#rights, `publish events of the type ${event}`);
    else checkType(event);
    checkData(data, this.#limits.maxEventBytes);
    checkRetry(retry, this.#limits.maxRetryMs);
    this.#events.push(this.#rights.admin === true ? withoutCursor(fields) : fields);
  }
}

/** How many bytes are behind the last blank line of a part. */
function restOf(part: Uint8Array): number {
  const end = Buffer.from(part.buffer, part.byteOffset, part.length).lastIndexOf('\n\n');
  return end === -1 ? part.length : part.length - end - 2;
}

/** In a copy of a stream, the ids that a hub gave are places in another log. */
function withoutCursor(fields: EventFields): EventFields {
  const { id, ...others } = fields;
  return id !== undefined && parseCursor(id) ? others : fields;
}

/** @throws {Problem} `invalid-event` */
export function checkType(type: string): void {
  if (!isOwnType(type)) return;
  throw new Problem(
    'invalid-event',
    `The type ${JSON.stringify(type)} is the hub's own: types that begin with ${OWN_TYPE_PREFIX} cannot be published`,
  );
}

/**
 * Checks the size of an event's data, as it is and as listeners are sent it: every line of it begins with `data: `.
 * @throws {Problem} `too-large`
 */
export function checkData(data: string, maxBytes: number): void {
  const maxEncoded = 2 * maxBytes + OTHER_BYTES;
  // A UTF-16 unit is at most three bytes of UTF-8, and a line at most LINE_BYTES more than the unit that ends it.
  if (data.length * 3 <= maxBytes && data.length * (LINE_BYTES + 1) <= maxEncoded) return;
  const bytes = Buffer.byteLength(data);
  if (bytes > maxBytes) {
    throw new Problem('too-large', `The event's data is ${bytes} bytes; at most ${maxBytes} are allowed`);
  }
  const maxLines = Math.floor((maxEncoded - bytes) / LINE_BYTES);
  if (!hasMoreLines(data, maxLines)) return;
  throw new Problem(
    'too-large',
    `The event's data has more than the ${maxLines} lines that are allowed for its ${bytes} bytes: with ${LINE_BYTES} bytes more for each line, at most ${maxEncoded} bytes are allowed`,
  );
}

/** Whether a text has more lines than that. It looks no further than it has to. */
function hasMoreLines(text: string, max: number): boolean {
  let lines = 1;
  let before = 0;
  for (let at = 0; at < text.length && lines <= max; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === CR || (unit === LF && before !== CR)) lines += 1;
    before = unit;
  }
  return lines > max;
}

/** @throws {Problem} `invalid-event` */
function checkRetry(retry: number | undefined, maxMs: number): void {
  if (retry === undefined || retry <= maxMs) return;
  throw new Problem('invalid-event', `The event's retry is ${retry} milliseconds; at most ${maxMs} are allowed`);
}
