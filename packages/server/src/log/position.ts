/** An event's place in a log (PROTOCOL §1). */
export interface Position {
  /** Names the numbering: 1 to 16 of `a`–`z`, `0`–`9`. */
  readonly epoch: string;
  /** 1 for the first event; 0 is the place before it. */
  readonly seq: number;
}

/** The last event ID that stands for the place before every event that is kept. */
export const EARLIEST = 'earliest';

// At most 15 digits: every such number is a safe integer.
const CURSOR = /^([a-z0-9]{1,16})\.(0|[1-9][0-9]{0,14})$/;

// The same, with a mark of what is known to be missing behind it.
const MARKED = /^(.*)\.([0-9a-f]{16})$/;

/** Returns the position as text, for the `id:` field: `epoch.seq`. */
export function formatCursor(position: Position): string {
  return `${position.epoch}.${position.seq}`;
}

/** Returns the position that a text names, or undefined if it does not have the form of a cursor. */
export function parseCursor(text: string): Position | undefined {
  const match = CURSOR.exec(text);
  const [, epoch, seq] = match ?? [];
  return epoch === undefined || seq === undefined ? undefined : { epoch, seq: Number(seq) };
}

/**
 * Returns a position as text together with a mark of what is known to be missing behind it, so that it is not told again: `epoch.seq.mark`.
 * @param mark see `markOf`
 */
export function formatMarked(position: Position, mark: string): string {
  return `${formatCursor(position)}.${mark}`;
}

/** Returns what such a text names: the cursor in it, and the mark. Undefined if it does not have that form. */
export function parseMarked(
  text: string,
): { readonly cursor: string; readonly position: Position; readonly mark: string } | undefined {
  const [, cursor = '', mark = ''] = MARKED.exec(text) ?? [];
  const position = parseCursor(cursor);
  return position && { cursor, position, mark };
}

/** Whether a text has the form of a cursor, with or without a mark. No publisher may give an event such an id. */
export function isCursor(text: string): boolean {
  return parseCursor(text) !== undefined || parseMarked(text) !== undefined;
}

/** Makes a new epoch from the time and chance, so that two logs made at the same time differ. */
export function newEpoch(now: number, random: () => number = Math.random): string {
  const chance = Math.floor(random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return Math.floor(now).toString(36) + chance;
}
