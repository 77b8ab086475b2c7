import type { PreparedEvent } from './prepared.ts';

// Room before a body for the `id:` line of its cursor, which has an epoch of at most 16 characters and a number of 15.
const ROOM = ' '.repeat('id: .\n'.length + 16 + 15);
const SPACE = 0x20;
const LF = 0x0a;

// How much is encoded together. One event that is kept keeps all of that in memory.
const PIECE_CHARACTERS = 16 * 1024;

const encoder = new TextEncoder();
const ID_FIELD = encoder.encode('id: ');

/**
 * Encodes the bodies of a batch's events, each with room before it. Memory for each alone would take longer than most that is done for an event, so they share it.
 * @param apart whether each has memory of its own all the same
 */
export function encodeBodies(texts: readonly string[], apart: boolean): readonly Uint8Array[] {
  if (apart || texts.length === 1) return texts.map(encodeBody);
  const bodies: Uint8Array[] = [];
  while (bodies.length < texts.length) {
    const from = bodies.length;
    let to = from;
    for (let size = 0; to < texts.length && (to === from || size < PIECE_CHARACTERS); to += 1) {
      size += ROOM.length + (texts[to]?.length ?? 0);
    }
    bodies.push(...encodeTogether(texts.slice(from, to)));
  }
  return bodies;
}

function encodeTogether(texts: readonly string[]): readonly Uint8Array[] {
  const all = ROOM + texts.join(ROOM);
  const bytes = encoder.encode(all);
  // Only ASCII has a byte for each character, so that the places in the text are those in the bytes.
  if (bytes.length !== all.length) return texts.map(encodeBody);
  let end = 0;
  return texts.map((text) => {
    const start = end + ROOM.length;
    end = start + text.length;
    return bytes.subarray(start, end);
  });
}

function encodeBody(text: string): Uint8Array {
  return encoder.encode(ROOM + text).subarray(ROOM.length);
}

/** The body of an event with the line of its id before it: in the room that was left for that, unless that is taken, or too small. */
export function framed({ id: own, body, room }: PreparedEvent, id: string): Uint8Array {
  return (own === undefined && room === body.buffer ? inRoom(id, body) : undefined) ?? joined(id, body);
}

function inRoom(cursor: string, { buffer, byteOffset, length }: Uint8Array): Uint8Array | undefined {
  const lineBytes = ID_FIELD.length + cursor.length + 1;
  if (lineBytes > ROOM.length) return undefined;
  const frame = new Uint8Array(buffer, byteOffset - lineBytes, lineBytes + length);
  if (frame[lineBytes - 1] !== SPACE) return undefined;
  frame.set(ID_FIELD);
  // A cursor is ASCII. To write it takes less time than to call an encoder.
  for (let at = 0; at < cursor.length; at += 1) frame[ID_FIELD.length + at] = cursor.charCodeAt(at);
  frame[lineBytes - 1] = LF;
  return frame;
}

function joined(id: string, body: Uint8Array): Uint8Array {
  const bytes = encoder.encode(`id: ${id}\n`);
  const frame = new Uint8Array(bytes.length + body.length);
  frame.set(bytes);
  frame.set(body, bytes.length);
  return frame;
}
