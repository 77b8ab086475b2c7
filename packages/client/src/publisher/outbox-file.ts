import type { OutboxBatch, OutboxChange } from './outbox.ts';

// The file of an outbox is text: a first line that names the format, and then blocks, one for each write. A block is lines of changes and a line
// that ends it, `= length checksum`. A change is a letter, a space and
//   E  the number of an event, a space and its line of JSON
//   B  a batch, as JSON
//   S  the numbers of the first and the last event that are settled
// A block counts if its last line is right. Only the last block of a file can be cut off, because each is on disk before the next one is begun. Of a
// block that was being written when the power failed any part may be missing, and is zeros then.

/** The first line of the file. */
export const HEADER = 'tidings-outbox 1\n';

const LF = 0x0a;

/** What is written at once, at least, in bytes. */
const SECTOR = 512;

/** One write. */
export function encodeBlock(changes: readonly OutboxChange[]): Uint8Array {
  let text = '';
  for (const change of changes) {
    if (change.type === 'event') text += `E ${change.seq} ${change.line}\n`;
    else if (change.type === 'batch') text += `B ${JSON.stringify(change.batch)}\n`;
    else text += `S ${change.first} ${change.last}\n`;
  }
  const bytes = new TextEncoder().encode(text);
  const end = new TextEncoder().encode(`= ${bytes.length} ${checksum(bytes)}\n`);
  const block = new Uint8Array(bytes.length + end.length);
  block.set(bytes);
  block.set(end, bytes.length);
  return block;
}

/**
 * Reads a file. Returns how much of it counts, 0 if there is nothing.
 * @throws Error where it is no outbox, or damaged
 */
export function readOutboxFile(bytes: Uint8Array, onChange: (change: OutboxChange) => void): number {
  const decoder = new TextDecoder();
  const lineEnd = bytes.indexOf(LF) + 1;
  if (lineEnd === 0 || decoder.decode(bytes.subarray(0, lineEnd)) !== HEADER) {
    // The first line itself may have been cut off.
    if (HEADER.startsWith(decoder.decode(bytes))) return 0;
    throw new Error(`it is no outbox: its first line is not ${JSON.stringify(HEADER.trimEnd())}`);
  }
  let counted = lineEnd;
  let lines: string[] = [];
  let bad: number | undefined;
  for (let at = counted; ;) {
    const end = bytes.indexOf(LF, at);
    if (end === -1) break;
    const line = decoder.decode(bytes.subarray(at, end));
    const [, length, sum] = /^= (\d+) ([\da-f]{8})$/.exec(line) ?? [];
    if (sum === undefined) lines.push(line);
    else {
      const block = bytes.subarray(counted, at);
      // The end of a block that lies behind one without an end says how long it is itself.
      if (Number(length) !== block.length || checksum(block) !== sum) bad ??= counted;
      else if (bad === undefined) for (const change of lines) onChange(readChange(change));
      const own = bytes.subarray(Math.max(at - Number(length), 0), at);
      if (bad !== undefined && checksum(own) === sum && bad !== at - Number(length)) {
        throw damaged(bad, 'although what follows is whole');
      }
      lines = [];
      if (bad === undefined) counted = end + 1;
    }
    at = end + 1;
  }
  if (!isCutOff(bytes, counted)) throw damaged(counted, 'in its last block, which was written to its end');
  return counted;
}

function damaged(at: number, where: string): Error {
  return new Error(
    `it is damaged at byte ${at}, ${where}: cut it off at byte ${at} to go on without the events behind that, or move it away to begin with an empty outbox`,
  );
}

/** Whether what follows is the beginning of a block whose writing was interrupted. Then nobody was told that its events are kept. */
function isCutOff(bytes: Uint8Array, from: number): boolean {
  if (hasUnwritten(bytes, from)) return true;
  const decoder = new TextDecoder();
  let at = from;
  for (let end = bytes.indexOf(LF, at); end !== -1; end = bytes.indexOf(LF, at)) {
    if (!/^(?:E \d+ \{.*\}|B \{.*\}|S \d+ \d+)$/s.test(decoder.decode(bytes.subarray(at, end)))) return false;
    at = end + 1;
  }
  const rest = decoder.decode(bytes.subarray(at, at + SECTOR));
  return /^(?:[EBS]|$)|^=(?: \d*| \d+ [\da-f]{0,8})?$/.test(rest);
}

/** Whether sectors of a block are not on disk. A changed bit makes no such zeros, and the text of a block has none. */
function hasUnwritten(bytes: Uint8Array, from: number): boolean {
  for (let start = bytes.indexOf(0, from); start !== -1;) {
    let end = start;
    while (bytes[end] === 0) end++;
    const isWhole = (start === from || start % SECTOR === 0) && (end % SECTOR === 0 || end === bytes.length);
    if (isWhole) return true;
    start = bytes.indexOf(0, end);
  }
  return false;
}

/** @throws Error where the line is none of a block, or of a later version */
function readChange(line: string): OutboxChange {
  const [, kind, rest = ''] = /^([EBS]) (.*)$/s.exec(line) ?? [];
  if (kind === 'E') {
    const space = rest.indexOf(' ');
    return { type: 'event', seq: Number(rest.slice(0, space)), line: rest.slice(space + 1) };
  }
  if (kind === 'B') return { type: 'batch', batch: JSON.parse(rest) as OutboxBatch };
  if (kind === 'S') {
    const [first = 0, last = 0] = rest.split(' ').map(Number);
    return { type: 'settled', first, last };
  }
  throw new Error(`it has a line that cannot be understood: ${JSON.stringify(line.slice(0, 40))}`);
}

/** CRC-32, so that a block is found out that is not on disk as it was written. */
function checksum(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});
