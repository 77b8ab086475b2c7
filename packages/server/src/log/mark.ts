import type { AskOptions, EventLog } from './event-log.ts';
import { SECRET, secretDigestOf } from './hash.ts';
import type { ReadingPlace } from './page-gap.ts';
import type { Selection } from './selection.ts';

/** What of a selection has been removed behind a place, as of now. */
interface Removed {
  readonly through: number;
  readonly trims: number;
}

type ReadableLog = Pick<EventLog, 'read'>;

/** The secrets of logs that several processes use, so that each of them knows the marks of the others. */
const secrets = new WeakMap<ReadableLog, Uint8Array>();

/** Who has it can make marks of the log. By default that is this process. */
export function secretOf(log: ReadableLog): Uint8Array {
  return secrets.get(log) ?? SECRET;
}

/** Makes the marks of a log those of all processes that have the secret. */
export function shareSecret(log: ReadableLog, secret: Uint8Array): void {
  secrets.set(log, secret);
}

async function removedBehind(
  log: ReadableLog,
  selection: Selection,
  seq: number,
  options: AskOptions | undefined,
): Promise<Removed> {
  const { trimmedThrough, trims } = await log.read({ selection, after: seq, through: seq, maxBytes: 1 }, options);
  return { through: trimmedThrough, trims };
}

/** It shows no number of the log, which others than the reader may have moved. */
function textOf(log: ReadableLog, seq: number, { through, trims }: Removed): string {
  return secretDigestOf(`${seq} ${through} ${trims}`, secretOf(log));
}

/**
 * Returns a mark of what a reader knows to be missing behind its place: it stays the same until more is removed there. Undefined if more has been removed than it
 * knows. It means something to this process alone, and to others that use the same log through one (see {@link shareSecret}).
 */
export async function markOf(
  log: ReadableLog,
  selection: Selection,
  { position, told, trims }: ReadingPlace,
  options?: AskOptions,
): Promise<string | undefined> {
  const removed = await removedBehind(log, selection, position, options);
  const isKnown = removed.through <= told && removed.trims <= trims;
  return isKnown ? textOf(log, position, removed) : undefined;
}

/** Whether nothing more has been removed behind a place than a mark says. */
export async function isMark(
  log: ReadableLog,
  selection: Selection,
  seq: number,
  mark: string,
  options?: AskOptions,
): Promise<boolean> {
  return textOf(log, seq, await removedBehind(log, selection, seq, options)) === mark;
}
