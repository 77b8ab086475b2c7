import type { AskOptions, EventLog, GapReason, LogPage, ReadRequest } from './event-log.ts';

/** How far somebody has read the log, and what it knows to be missing. */
export interface ReadingPlace {
  /** Everything up to here has been given out. */
  readonly position: number;
  /** It is known that events up to here may be missing. */
  readonly told: number;
  /** The count of the log's trims as of which that is known: what was trimmed later is not. */
  readonly trims: number;
  /** The last event ID with which reading began, until the first page, if that is not the cursor of the position. */
  readonly sent?: string | undefined;
  /** Why the place of that ID cannot be known. This is reported before anything else. */
  readonly misplaced?: GapReason | undefined;
}

/** The gap that a page shows. It is reported before the entries of the page are given out. */
export interface PageGap {
  readonly reason: GapReason;
  /** The last event ID with which reading began; undefined if the position `from` says the same. */
  readonly after: string | undefined;
  readonly from: number;
  /** The sequence number after which the events go on. */
  readonly resumedAt: number;
  /** The sequence number up to which events are missing, if events that are kept lie between them; undefined if nothing is missing after `resumedAt`. */
  readonly through: number | undefined;
}

/** What is told of a gap (PROTOCOL §6.1). */
export interface ToldGap {
  /** The cursor or id after which the events followed. */
  readonly after: string;
  /** The cursor after which the events go on. */
  readonly resumedAt: string;
  /** Why events are missing, or why it cannot be known what is. */
  readonly reason: GapReason;
  /** The cursor up to which events are missing, if kept ones lie between them, so that it is past `resumedAt`. */
  readonly through?: string | undefined;
}

/** A gap as it is told. @param cursorOf the cursor of a sequence number */
export function toldGap(
  { after, from, resumedAt, reason, through }: PageGap,
  cursorOf: (seq: number) => string,
): ToldGap {
  const told = { after: after ?? cursorOf(from), resumedAt: cursorOf(resumedAt), reason };
  return through === undefined ? told : { ...told, through: cursorOf(through) };
}

/**
 * Reads a page up to where a process has come. If an empty page tells of trimmed events behind its end, because they were trimmed and others came while it was read, it is read once more:
 * else its gap would end before what it tells, and whoever goes on from there would be told the same again.
 * @param reached the sequence number to which the process has come, as of each call
 */
export async function readPage(
  log: Pick<EventLog, 'read'>,
  request: Omit<ReadRequest, 'through'>,
  reached: () => number,
  options: AskOptions,
): Promise<LogPage> {
  const through = Math.max(request.after, reached());
  const page = await log.read({ ...request, through }, options);
  const now = reached();
  const isShort = page.entries.length === 0 && page.through === through && page.trimmedThrough > through;
  return isShort && page.trimmedThrough <= now ? await log.read({ ...request, through: now }, options) : page;
}

/** The gap to report before the entries of a page that was read from a place. */
export function gapInPage(place: ReadingPlace, page: LogPage): PageGap | undefined {
  const { deletedThrough = 0 } = page;
  // Events before those that it knows of may have been trimmed since it was told.
  const missing =
    page.trimmedThrough > place.position && (page.trimmedThrough > place.told || page.trims > place.trims);
  if (!place.misplaced && !missing) return undefined;
  // Kept events can lie before trimmed ones where topics are kept for different times. They follow, so the
  // cursor may not pass them.
  const kept = page.entries[0] ? page.entries[0].seq - 1 : page.through;
  const resumedAt = Math.max(place.position, Math.min(page.trimmedThrough, kept));
  return {
    reason: place.misplaced ?? (deletedThrough > Math.max(place.position, place.told) ? 'deleted' : 'trimmed'),
    after: place.sent,
    from: place.position,
    resumedAt,
    // What is told as missing is not told again (see `knownAfter`), so it has to be told that far, whatever the reason is.
    through: page.trimmedThrough > resumedAt ? page.trimmedThrough : undefined,
  };
}

/** What is known to be trimmed after a page. A page that was read for others may be older than what was known before. */
export function knownAfter(
  { told, trims, misplaced }: ReadingPlace,
  page: LogPage,
): Pick<ReadingPlace, 'told' | 'trims'> {
  // The gap of a place that is not known reaches as far as its page tells.
  if (misplaced) return { told: page.trimmedThrough, trims: page.trims };
  return { told: Math.max(told, page.trimmedThrough), trims: Math.max(trims, page.trims) };
}
