import { EventStreamDecoder, EventStreamError, type EventFields } from '@tidings/wire';
import { GAP_TYPE, HEARTBEAT_TYPE } from '@tidings/server/live';
import { Problem } from '../../http/problem.ts';

// An event's other lines, beside its data: type, id and retry.
const OTHER_BYTES = 4 * 1024;

/** Turns an event stream that is being uploaded into events to publish (PROTOCOL §4.2). */
export class Upload {
  readonly #decoder: EventStreamDecoder;
  readonly #maxEventBytes: number;
  #events: EventFields[] = [];
  #id: string | undefined;
  #retry: number | undefined;

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
    this.#decoder = new EventStreamDecoder({
      maxEventBytes: maxEventBytes + OTHER_BYTES,
      onId: (id) => {
        this.#id = id === '' ? undefined : id;
      },
      onRetry: (milliseconds) => {
        this.#retry = milliseconds;
      },
      onEvent: ({ type, data }) => this.#add(type, data),
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

  #add(type: string, data: string): void {
    const id = this.#id;
    const retry = this.#retry;
    this.#id = undefined;
    if (type === HEARTBEAT_TYPE) return;
    this.#retry = undefined;
    checkType(type, [GAP_TYPE]);
    checkData(data, this.#maxEventBytes);
    this.#events.push({
      data,
      ...(type === 'message' ? {} : { event: type }),
      ...(id === undefined ? {} : { id }),
      ...(retry === undefined ? {} : { retry }),
    });
  }
}

/** @throws {Problem} `invalid-event` */
export function checkType(type: string, allowed: readonly string[] = []): void {
  if (type.startsWith('tidings-') && !allowed.includes(type)) {
    throw new Problem(
      'invalid-event',
      `The type ${JSON.stringify(type)} is the hub's own: types that begin with tidings- cannot be published`,
    );
  }
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
