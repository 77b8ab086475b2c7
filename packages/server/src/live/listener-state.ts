import type { GapReason, LogPage } from '../log/event-log.ts';
import type { Start, StartAfter } from '../log/start.ts';

interface CatchingUp {
  /** Everything up to here has been written to the listener. */
  readonly position: number;
  /** The listener knows that events up to here may be missing. */
  readonly told: number;
  /** The count of the log's trims as of which it knows that: what was trimmed later it does not know. */
  readonly trims: number;
  /** The last event ID of the listener, until its first page, if that is not the cursor of its position. */
  readonly sent?: string | undefined;
  /** Why the place of the listener's last event ID cannot be known. This is reported before anything else. */
  readonly misplaced?: GapReason | undefined;
}

/**
 * Where a listener is in its life:
 * - `reading`: catching up, a page of the log has been asked for;
 * - `draining`: catching up, its transport has more than it can take;
 * - `waiting`: it was given, or the log has trimmed, events that this process has not come to yet;
 * - `held`: given nothing until its rights are known again;
 * - `live`: in its cohort, written to in lockstep, its position is the cohort's;
 * - `ending`: given all that it is to be given, its transport still has some of it;
 * - `ended`: gone.
 */
export type ListenerState =
  | (CatchingUp & { readonly phase: 'reading' })
  | (CatchingUp & { readonly phase: 'draining' })
  | (CatchingUp & {
      readonly phase: 'waiting';
      /** The sequence number up to which the cohorts have to be written to first. */
      readonly until: number;
    })
  | (CatchingUp & { readonly phase: 'held' })
  | { readonly phase: 'live' }
  | { readonly phase: 'ending' }
  | { readonly phase: 'ended' };

export type ListenerInput =
  /** The page that was asked for. `flushed`: how far the cohorts have been written to; `needsDrain`: after writing the page. */
  | { readonly type: 'page'; readonly page: LogPage; readonly flushed: number; readonly needsDrain: boolean }
  /** The log has trimmed selected events up to here, which is past where the cohorts have been written to. */
  | { readonly type: 'ahead'; readonly trimmedThrough: number }
  /** The cohorts have been written to up to `flushed`. */
  | { readonly type: 'advance'; readonly flushed: number; readonly needsDrain: boolean }
  /** The transport can take more. */
  | { readonly type: 'drain' }
  /** A live listener's backlog has passed its cap; its cohort has been written to up to `flushed`. */
  | { readonly type: 'overflow'; readonly flushed: number; readonly needsDrain: boolean }
  /** Events behind `flushed`, where the cohorts have been written to, were not handed over: they have to be read. */
  | { readonly type: 'skip'; readonly flushed: number; readonly needsDrain: boolean }
  /** Its rights are no longer known; the cohorts have been written to up to `flushed`. */
  | { readonly type: 'hold'; readonly flushed: number }
  /** Its rights are known again; the cohorts have been written to up to `flushed`. */
  | { readonly type: 'release'; readonly flushed: number; readonly needsDrain: boolean }
  /** Its stream is over: nothing more is written to it. */
  | { readonly type: 'finish' }
  /** It has gone. */
  | { readonly type: 'end' };

export type ListenerAction =
  /** Ask the log for the page after this sequence number. */
  | { readonly type: 'read'; readonly after: number }
  /** Become a member of the cohort, now, before anything else is written to it. */
  | { readonly type: 'join' }
  /** Leave the cohort. */
  | { readonly type: 'leave' };

export interface ListenerStep {
  readonly state: ListenerState;
  readonly actions: readonly ListenerAction[];
}

/** The gap that a page shows. It is reported before the entries of the page are written. */
export interface PageGap {
  readonly reason: GapReason;
  /** The last event ID of the listener; undefined if its position `from` says the same. */
  readonly after: string | undefined;
  readonly from: number;
  /** The sequence number after which the stream goes on. */
  readonly resumedAt: number;
}

/**
 * A listener that starts after a sequence number.
 * @param isQuiet whether nothing that it is to be given lies between there and `flushed`, so that there is nothing to read. @default false
 */
export function catchingUp(start: StartAfter, flushed: number, isQuiet: boolean = false): ListenerStep {
  const { after, told, trims, sent, misplaced } = start;
  const position = isQuiet && !misplaced ? Math.max(after, flushed) : after;
  return goOn({ position, told, trims, sent, misplaced }, flushed, false);
}

/** A listener that gets nothing at first, and then all events from its start on. */
export function holding(start: Start, flushed: number): ListenerStep {
  if (start.type === 'now')
    return { state: { phase: 'held', position: flushed, told: flushed, trims: 0 }, actions: [] };
  const { after: position, told, trims, sent, misplaced } = start;
  return { state: { phase: 'held', position, told, trims, sent, misplaced }, actions: [] };
}

/** A listener that starts with what is published from now on. */
export function joining(): ListenerStep {
  return { state: { phase: 'live' }, actions: [{ type: 'join' }] };
}

/** The next step of a listener that is not live, from its position on. */
function goOn(next: CatchingUp, flushed: number, needsDrain: boolean): ListenerStep {
  // Another process was ahead of this one when it gave the listener its cursor. What is on its way here, the listener has.
  if (next.position > flushed) return { state: { phase: 'waiting', until: next.position, ...next }, actions: [] };
  if (next.position === flushed && !next.misplaced) {
    // There is nothing to read, so from here on it gets what the cohorts get.
    if (next.told <= flushed) return joining();
    return { state: { phase: 'waiting', until: next.told, ...next }, actions: [] };
  }
  if (needsDrain) return { state: { phase: 'draining', ...next }, actions: [] };
  return { state: { phase: 'reading', ...next }, actions: [{ type: 'read', after: next.position }] };
}

/**
 * Whether a page tells of trimmed events that the cohorts have not come to: the log has another writer, or was read late. They may be
 * on their way to this listener, so a gap must not be reported. Such a page is not written, and is requested again.
 */
export function isAhead(page: LogPage, flushed: number): boolean {
  return page.trimmedThrough > flushed;
}

/** The gap to report before the entries of a page. */
export function gapBefore(state: ListenerState, page: LogPage): PageGap | undefined {
  if (state.phase !== 'reading') return undefined;
  const { deletedThrough = 0 } = page;
  // Events before those that it knows of may have been trimmed since it was told.
  const missing =
    page.trimmedThrough > state.position && (page.trimmedThrough > state.told || page.trims > state.trims);
  if (!state.misplaced && !missing) return undefined;
  // Kept events can lie before trimmed ones where topics are kept for different times. They follow, so the
  // cursor may not pass them.
  const kept = page.entries[0] ? page.entries[0].seq - 1 : page.through;
  return {
    reason: state.misplaced ?? (deletedThrough > Math.max(state.position, state.told) ? 'deleted' : 'trimmed'),
    after: state.sent,
    from: state.position,
    resumedAt: Math.max(state.position, Math.min(page.trimmedThrough, kept)),
  };
}

/** What a listener knows to be trimmed after a page. A page that was read for others may be older than what it knew before. */
function knownAfter({ told, trims, misplaced }: CatchingUp, page: LogPage): Pick<CatchingUp, 'told' | 'trims'> {
  // The gap of a place that is not known reaches as far as its page tells.
  if (misplaced) return { told: page.trimmedThrough, trims: page.trims };
  return { told: Math.max(told, page.trimmedThrough), trims: Math.max(trims, page.trims) };
}

/** The one place where a listener's phase changes. Pure. */
export function transition(state: ListenerState, input: ListenerInput): ListenerStep {
  const unchanged = { state, actions: [] };
  if (state.phase === 'ended' || (state.phase === 'ending' && input.type !== 'end')) return unchanged;
  switch (input.type) {
    case 'page': {
      if (state.phase !== 'reading') return unchanged;
      const { page, flushed, needsDrain } = input;
      // At the seam everything up to where the cohorts are has been written here too, and no more.
      return goOn({ position: page.through, ...knownAfter(state, page) }, flushed, needsDrain);
    }
    case 'ahead':
      if (state.phase !== 'reading') return unchanged;
      return { state: { ...state, phase: 'waiting', until: input.trimmedThrough }, actions: [] };
    case 'advance':
      if (state.phase !== 'waiting' || input.flushed < state.until) return unchanged;
      return goOn(whereIs(state), input.flushed, input.needsDrain);
    case 'drain':
      if (state.phase !== 'draining') return unchanged;
      return { state: { ...state, phase: 'reading' }, actions: [{ type: 'read', after: state.position }] };
    case 'overflow':
    case 'skip': {
      if (state.phase !== 'live') return unchanged;
      const next: CatchingUp = { position: input.flushed, told: input.flushed, trims: 0 };
      if (input.needsDrain) return { state: { phase: 'draining', ...next }, actions: [{ type: 'leave' }] };
      // A transport that still takes more will not report that it has drained.
      return {
        state: { phase: 'reading', ...next },
        actions: [{ type: 'leave' }, { type: 'read', after: next.position }],
      };
    }
    case 'hold': {
      if (state.phase === 'live') {
        const next: CatchingUp = { position: input.flushed, told: input.flushed, trims: 0 };
        return { state: { phase: 'held', ...next }, actions: [{ type: 'leave' }] };
      }
      // A page that is on its way is for rights that may be gone.
      return 'position' in state ? { state: { phase: 'held', ...whereIs(state) }, actions: [] } : unchanged;
    }
    case 'release':
      if (state.phase !== 'held') return unchanged;
      return goOn(whereIs(state), input.flushed, input.needsDrain);
    case 'finish':
      return { state: { phase: 'ending' }, actions: state.phase === 'live' ? [{ type: 'leave' }] : [] };
    case 'end':
      return { state: { phase: 'ended' }, actions: state.phase === 'live' ? [{ type: 'leave' }] : [] };
  }
}

function whereIs({ position, told, trims, sent, misplaced }: CatchingUp): CatchingUp {
  return { position, told, trims, sent, misplaced };
}
