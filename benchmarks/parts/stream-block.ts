import { checkOf, type Framing, type StreamName } from './event-streams.ts';

/** How many bytes of a stream are made beforehand, to be sent again and again. */
const BLOCK_BYTES = 256 * 1024;

/** How many digits an id has, so that the next one fits into its place. */
const ID_DIGITS = 10;

interface Event {
  readonly data: string;
  readonly hasId: boolean;
}

const WORDS = [' the', ' server', ' sends', ' events', ' in', ' order', ' and', ' nothing', ' is', ' lost', '.', '\n'];

const EVENTS: Readonly<Record<StreamName, (index: number) => Event>> = {
  /** What the answer of a language model comes in. */
  deltas(index) {
    const delta = { content: WORDS[index % WORDS.length] };
    const choices = [{ index: 0, delta, finish_reason: null }];
    const answer = { id: 'chatcmpl-7f2c9b4e1d5a8c03', object: 'chat.completion.chunk', choices };
    return { data: JSON.stringify(answer), hasId: false };
  },
  tiny: (index) => ({ data: `${100_000 + (index % 1_000)},${index % 10}.25`, hasId: false }),
  /** With ids, as a hub sends them. */
  json(index) {
    const readings = Array.from({ length: 73 }, (_, place) => ({
      sensor: `room-${place}/window`,
      celsius: 20 + ((index + place) % 50) / 10,
      open: place % 7 === index % 7,
    }));
    return { data: JSON.stringify({ readings }), hasId: true };
  },
};

/** A piece of a stream, ready for the socket. Only the ids in it change. */
export class StreamBlock {
  readonly #bytes: Buffer;
  /** The totals of the first events of the block, by the number of events: from 0 to all. */
  readonly #sums: readonly number[];
  /** Where the first events of the block end, by their number. */
  readonly #ends: readonly number[];
  /** Where the digits of the ids begin. */
  readonly #idPlaces: readonly number[];

  constructor(name: StreamName, framing: Framing) {
    const parts: Buffer[] = [];
    const sums = [0];
    const ends = [0];
    const idPlaces: number[] = [];
    for (let length = 0, sum = 0; length < BLOCK_BYTES;) {
      const { data, hasId } = EVENTS[name](parts.length);
      const part = frame(`${hasId ? `id: ${'0'.repeat(ID_DIGITS)}\n` : ''}data: ${data}\n\n`, framing);
      if (hasId) idPlaces.push(length + part.indexOf('id: ') + 'id: '.length);
      parts.push(part);
      length += part.length;
      sum += checkOf(data);
      ends.push(length);
      sums.push(sum);
    }
    this.#bytes = Buffer.concat(parts);
    this.#sums = sums;
    this.#ends = ends;
    this.#idPlaces = idPlaces;
  }

  /** How many events it holds. */
  get events(): number {
    return this.#sums.length - 1;
  }

  /** The first events, with ids from `first` on, and their total. The bytes are valid until the next call. */
  take(first: number, count: number): { readonly bytes: Buffer; readonly sum: number } {
    for (const [index, place] of this.#idPlaces.entries()) {
      this.#bytes.write(String(first + index).padStart(ID_DIGITS, '0'), place, 'latin1');
    }
    return { bytes: this.#bytes.subarray(0, this.#ends[count]), sum: this.#sums[count] ?? 0 };
  }
}

/** The bytes of an event in its framing. */
export function frame(event: string, framing: Framing): Buffer {
  return Buffer.from(framing === 'plain' ? event : `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
}
