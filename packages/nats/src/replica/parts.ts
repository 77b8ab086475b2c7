import { NatsError } from '../errors.ts';

/** The format of what is in the stream. */
const FORMAT = 1;

const LF = 0x0a;

// Room for the line before the bytes of a part, and for the headers of a message.
const OVERHEAD = 1024;

/** The smallest `max_payload` of a server with which messages have room. */
export const MIN_PAYLOAD: number = 16 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message of the stream: a message of a node, or a part of one that is larger than the server takes. */
export interface Part {
  /** The node that sent it, and the number that it gave it. A node sends one after the other, again until it is stored. */
  readonly node: string;
  readonly number: number;
  readonly part: number;
  readonly parts: number;
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** Cuts the text of a message so that the server takes every part. */
export function partsOf(
  about: Pick<Part, 'node' | 'number' | 'time'>,
  text: string,
  maxPayload: number,
): readonly Uint8Array[] {
  const all = encoder.encode(text);
  const room = maxPayload - OVERHEAD;
  const parts = Math.max(1, Math.ceil(all.length / room));
  return Array.from({ length: parts }, (_, part) => {
    const line = encoder.encode(`${JSON.stringify({ format: FORMAT, ...about, part, parts })}\n`);
    const bytes = all.subarray(part * room, (part + 1) * room);
    const message = new Uint8Array(line.length + bytes.length);
    message.set(line);
    message.set(bytes, line.length);
    return message;
  });
}

/** Reads a message of the stream; undefined for one that no log has written. @throws {NatsError} `ERR_STORE_FORMAT` */
export function readPart(message: Uint8Array): Part | undefined {
  const end = message.indexOf(LF);
  const about = end === -1 ? undefined : parsed(decoder.decode(message.subarray(0, end)));
  if (typeof about?.format !== 'number') return undefined;
  if (about.format !== FORMAT) {
    const found = `The stream has a message of the format ${about.format}`;
    throw new NatsError('ERR_STORE_FORMAT', `${found}; this version reads the format ${FORMAT}`);
  }
  return { ...about, bytes: message.subarray(end + 1) };
}

/** The text of all parts. */
export function joinedText(parts: readonly Uint8Array[]): string {
  const stream = new TextDecoder();
  return parts.map((bytes) => stream.decode(bytes, { stream: true })).join('') + stream.decode();
}

function parsed(text: string): (Omit<Part, 'bytes'> & { readonly format?: number }) | undefined {
  try {
    return JSON.parse(text) as Omit<Part, 'bytes'> & { readonly format?: number };
  } catch {
    return undefined;
  }
}
