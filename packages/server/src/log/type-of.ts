import type { LogEntry } from './entry.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The type of an event that has none of its own. */
export const NO_TYPE = 'message';

const LF = 0x0a;
const EVENT = [...new TextEncoder().encode('event:')];
const DATA = [...new TextEncoder().encode('data')];

/**
 * The type of an event: `message` if it has none of its own. A frame has its data last, so the time does not grow with the data: of each event the type is
 * asked for again and again.
 */
export function typeOf({ frame }: Pick<LogEntry, 'frame'>): string {
  for (let start = 0; start < frame.length && !isAt(frame, start, DATA);) {
    const end = frame.indexOf(LF, start);
    if (end === -1) break;
    if (isAt(frame, start, EVENT)) return decoder.decode(frame.subarray(start + EVENT.length, end)).replace(/^ /, '');
    start = end + 1;
  }
  return NO_TYPE;
}

function isAt(frame: Uint8Array, start: number, word: readonly number[]): boolean {
  return word.every((byte, index) => frame[start + index] === byte);
}
