/** The end of every event's data, which is nowhere else, so that a sink counts whole events by counting it. */
const LAST_BYTE = '~';

/** The data of every event: 100 bytes. */
export const DATA: string =
  `{"sensor":"kitchen/window","celsius":21.5,"note":"${'fresh air '.repeat(4)}12345"}`.padEnd(99, '.') + LAST_BYTE;

/** An event stream with a number of events, for an upload. */
export function eventStreamOf(count: number): string {
  return `data: ${DATA}\n\n`.repeat(count);
}
