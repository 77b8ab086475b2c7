import {
  EventStreamDecoder,
  type EventMessage,
  type EventStreamDecoderOptions,
  type EventStreamOptions,
} from '@tidings/wire';

/** What a decoder told its handlers, in order. */
export type Report =
  | { event: EventMessage }
  | { id: string }
  | { retry: number }
  | { comment: string }
  | { error: string };

export interface Recording {
  reports: Report[];
  lastEventId: string;
}

/** Decodes the chunks, records everything, and ends with the code of an error where there was one. */
export function record(chunks: Iterable<Uint8Array | string>, options: EventStreamOptions = {}): Recording {
  const reports: Report[] = [];
  const decoder = new EventStreamDecoder({
    onEvent: (event) => reports.push({ event }),
    onId: (id) => reports.push({ id }),
    onRetry: (retry) => reports.push({ retry }),
    onComment: (comment) => reports.push({ comment }),
    ...options,
  });
  try {
    for (const chunk of chunks) decoder.write(chunk);
    decoder.end();
  } catch (error) {
    reports.push({ error: (error as { code?: string }).code ?? String(error) });
  }
  return { reports, lastEventId: decoder.lastEventId };
}

/** A decoder and the events that it has delivered so far. */
export function collecting(options: Partial<EventStreamDecoderOptions> = {}): {
  decoder: EventStreamDecoder;
  events: EventMessage[];
} {
  const events: EventMessage[] = [];
  return { decoder: new EventStreamDecoder({ onEvent: (event) => events.push(event), ...options }), events };
}

/** Latin-1 text to bytes, so that a test can write any byte as an escape. */
export function bytesOf(binary: string): Uint8Array {
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Cuts the bytes at the given indexes. */
export function cut(bytes: Uint8Array, at: Iterable<number>): Uint8Array[] {
  const ends = [...new Set(at)].filter((index) => index > 0 && index < bytes.length).toSorted((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    chunks.push(bytes.slice(from, end));
    from = end;
  }
  return chunks;
}

/** Every way to cut that a rule is tested with: whole, byte by byte, at each place, at random places. */
export function* chunkings(bytes: Uint8Array): Generator<Uint8Array[], void, undefined> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let index = 1; index < bytes.length; index++) yield cut(bytes, [index]);
  const random = seededRandom(bytes.length);
  for (let i = 0; i < 50; i++) {
    const cuts = Array.from({ length: 1 + Math.floor(random() * 6) }, () => Math.floor(random() * bytes.length));
    yield cut(bytes, cuts);
  }
  // Empty chunks change nothing
  yield Array.from(bytes, (byte) => [new Uint8Array(0), Uint8Array.of(byte)]).flat();
}

function seededRandom(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
