import type { LogPage } from '../log/event-log.ts';
import { gapInPage, knownAfter, type PageGap, type ReadingPlace } from '../log/page-gap.ts';
import type { Start, StartAfter } from '../log/start.ts';

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
  | (ReadingPlace & { readonly phase: 'reading' })
  | (ReadingPlace & { readonly phase: 'draining' })
  | (ReadingPlace & {
      readonly phase: 'waiting';
      /** The sequence number up to which the cohorts have to be written to first. */
      readonly until: number;
    })
  | (ReadingPlace & { readonly phase: 'held' })
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

/** One for all listeners: most are live, and a state of its own would take memory for each. */
const JOINING: ListenerStep = { state: { phase: 'live' }, actions: [{ type: 'join' }] };

/** A listener that starts with what is published from now on. */
export function joining(): ListenerStep {
  return JOINING;
}

/** The next step of a listener that is not live, from its position on. */
function goOn(next: ReadingPlace, flushed: number, needsDrain: boolean): ListenerStep {
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
  return state.phase === 'reading' ? gapInPage(state, page) : undefined;
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
      const next: ReadingPlace = { position: input.flushed, told: input.flushed, trims: 0 };
      if (input.needsDrain) return { state: { phase: 'draining', ...next }, actions: [{ type: 'leave' }] };
      // A transport that still takes more will not report that it has drained.
      return {
        state: { phase: 'reading', ...next },
        actions: [{ type: 'leave' }, { type: 'read', after: next.position }],
      };
    }
    case 'hold': {
      if (state.phase === 'live') {
        const next: ReadingPlace = { position: input.flushed, told: input.flushed, trims: 0 };
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

function whereIs({ position, told, trims, sent, misplaced }: ReadingPlace): ReadingPlace {
  return { position, told, trims, sent, misplaced };
}
