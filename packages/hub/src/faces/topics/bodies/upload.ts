import type { Rights } from '@tidings/server';
import { isCursor } from '@tidings/server/log';
import {
  CLOSED_TYPE,
  EventFieldsDecoder,
  EventStreamError,
  FORGOTTEN_TYPE,
  GAP_TYPE,
  HEARTBEAT_TYPE,
  type EventFields,
} from '@tidings/wire';
import { requireAdmin } from '../../../access/require.ts';
import { Problem } from '../../../http/problem.ts';
import type { HubLimits } from '../../../limits.ts';
import { checkData, checkRetry, checkType, OTHER_BYTES } from './checks.ts';

// The types of the hub's own that a copy of another hub's stream may have.
const COPIED_TYPES: ReadonlySet<string> = new Set([GAP_TYPE, FORGOTTEN_TYPE, CLOSED_TYPE]);

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
    if (COPIED_TYPES.has(event)) requireAdmin(this.#rights, `publish events of the type ${event}`);
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
  if (fields.id === undefined || !isCursor(fields.id)) return fields;
  const { id: _, ...others } = fields;
  return others;
}
