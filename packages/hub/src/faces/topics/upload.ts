import {
  EventFieldsDecoder,
  EventStreamError,
  GAP_TYPE,
  HEARTBEAT_TYPE,
  isOwnType,
  OWN_TYPE_PREFIX,
  type EventFields,
} from '@tidings/wire';
import { Problem } from '../../http/problem.ts';

// The other lines of an event: type, id and retry.
const OTHER_BYTES = 4 * 1024;

/** Turns an event stream that is being uploaded into events to publish (PROTOCOL §4.2). */
export class Upload {
  readonly #decoder: EventFieldsDecoder;
  readonly #maxEventBytes: number;
  #events: EventFields[] = [];

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
    this.#decoder = new EventFieldsDecoder({
      maxEventBytes: maxEventBytes + OTHER_BYTES,
      onFields: (fields) => this.#add(fields),
    });
  }

  /** The events that this part of the upload completes. @throws {Problem} `too-large`, `invalid-event` */
  write(chunk: Uint8Array): EventFields[] {
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      if (!(error instanceof EventStreamError)) throw error;
      throw new Problem('too-large', `An event of the stream is larger than ${this.#maxEventBytes} bytes`, {
        cause: error,
      });
    }
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #add(fields: EventFields): void {
    const { event = 'message', data = '' } = fields;
    if (event === HEARTBEAT_TYPE) return;
    if (event !== GAP_TYPE) checkType(event);
    checkData(data, this.#maxEventBytes);
    this.#events.push(fields);
  }
}

/** @throws {Problem} `invalid-event` */
export function checkType(type: string): void {
  if (!isOwnType(type)) return;
  throw new Problem(
    'invalid-event',
    `The type ${JSON.stringify(type)} is the hub's own: types that begin with ${OWN_TYPE_PREFIX} cannot be published`,
  );
}

/** @throws {Problem} `too-large` */
export function checkData(data: string, maxBytes: number): void {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (data.length * 3 > maxBytes && Buffer.byteLength(data) > maxBytes) {
    throw new Problem(
      'too-large',
      `The event's data is ${Buffer.byteLength(data)} bytes; at most ${maxBytes} are allowed`,
    );
  }
}
