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

/** Makes a new epoch from the time and chance, so that two logs made at the same time differ. */
export function newEpoch(now: number, random: () => number = Math.random): string {
  const chance = Math.floor(random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return Math.floor(now).toString(36) + chance;
}
