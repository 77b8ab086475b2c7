import type { GapReason } from '../log/start.ts';
import type { LogPage } from '../log/event-log.ts';
import type { StartAfter } from '../log/start.ts';

interface CatchingUp {
  /** Everything up to here has been written to the listener. */
  readonly position: number;
  /** The listener knows that events up to here may be missing. */
  readonly told: number;
  /** What the listener came with, until its first page, where that is not its position's cursor. */
  readonly sent?: string | undefined;
  /** Why the place of what it came with cannot be known: it is told so before anything else. */
  readonly misplaced?: GapReason | undefined;
  /** It left its cohort because its backlog had passed the cap. */
  readonly slow?: boolean | undefined;
}

/**
 * Where a listener is in its life:
 * - `reading`: catching up, a page of the log has been asked for;
 * - `draining`: catching up, its transport has more than it can take;
 * - `held`: given nothing until its rights are known again;
 * - `live`: in its cohort, written to in lockstep, its position is the cohort's;
 * - `ended`: gone.
 */
export type ListenerState =
  | (CatchingUp & { readonly phase: 'reading' })
  | (CatchingUp & { readonly phase: 'draining' })
  | (CatchingUp & { readonly phase: 'held' })
  | { readonly phase: 'live' }
  | { readonly phase: 'ended' };

export type ListenerInput =
  /** The page that was asked for. `flushed`: how far the cohorts have been written to; `needsDrain`: after writing the page. */
  | { readonly type: 'page'; readonly page: LogPage; readonly flushed: number; readonly needsDrain: boolean }
  /** The transport can take more. */
  | { readonly type: 'drain' }
  /** A live listener's backlog has passed its cap; its cohort has been written to up to `flushed`. */
  | { readonly type: 'overflow'; readonly flushed: number; readonly needsDrain: boolean }
  /** Its rights are no longer known; the cohorts have been written to up to `flushed`. */
  | { readonly type: 'hold'; readonly flushed: number }
  /** Its rights are known again; the cohorts have been written to up to `flushed`. */
  | { readonly type: 'release'; readonly flushed: number; readonly needsDrain: boolean }
  | { readonly type: 'end' };

export type ListenerAction =
  /** Ask the log for the page behind this sequence number. */
  | { readonly type: 'read'; readonly after: number }
  /** Become a member of the cohort, now, before anything else is written to it. */
  | { readonly type: 'join' }
  /** Leave the cohort. */
  | { readonly type: 'leave' };

export interface ListenerStep {
  readonly state: ListenerState;
  readonly actions: readonly ListenerAction[];
}

/** What a page says is missing: to be told before its entries are written. */
export interface PageGap {
  readonly reason: GapReason;
  /** The listener's own word for where it was; undefined where its position `from` says it. */
  readonly after: string | undefined;
  readonly from: number;
  /** The sequence number behind which the stream goes on. */
  readonly resumedAt: number;
}

/** A listener that starts behind a sequence number. */
export function catchingUp({ after, told, sent, misplaced }: StartAfter): ListenerStep {
  return { state: { phase: 'reading', position: after, told, sent, misplaced }, actions: [{ type: 'read', after }] };
}

/** A listener that starts with what is published from now on. */
export function joining(): ListenerStep {
  return { state: { phase: 'live' }, actions: [{ type: 'join' }] };
}

/**
 * Whether a page knows of trimmed events that the cohorts have not come to: the log has another writer, or was read late. They may be
 * on their way to this listener, so it cannot be told that they are missing. Such a page is not written; it is asked for again.
 */
export function isAhead(page: LogPage, flushed: number): boolean {
  return page.trimmedThrough > flushed;
}

/** The gap to tell before the entries of a page. */
export function gapBefore(state: ListenerState, page: LogPage): PageGap | undefined {
  if (state.phase !== 'reading') return undefined;
  const missing = page.trimmedThrough > Math.max(state.position, state.told);
  if (!state.misplaced && !missing) return undefined;
  // Kept events can lie before trimmed ones where topics are kept for different times. They follow, so the
  // cursor may not pass them.
  const kept = page.entries[0] ? page.entries[0].seq - 1 : page.through;
  return {
    reason: state.misplaced ?? 'trimmed',
    after: state.sent,
    from: state.position,
    resumedAt: Math.max(state.position, Math.min(page.trimmedThrough, kept)),
  };
}

/** The one place where a listener's phase changes. Pure. */
export function transition(state: ListenerState, input: ListenerInput): ListenerStep {
  if (state.phase === 'ended') return { state, actions: [] };
  switch (input.type) {
    case 'page': {
      if (state.phase !== 'reading') return { state, actions: [] };
      const { page, flushed, needsDrain } = input;
      if (isAhead(page, flushed)) return { state, actions: [{ type: 'read', after: state.position }] };
      // The seam: everything up to where the cohorts are has been written here too, and no more, so from here on all get the same.
      if (page.through === flushed) return joining();
      const next: CatchingUp = { position: page.through, told: page.trimmedThrough, slow: state.slow };
      if (needsDrain) return { state: { phase: 'draining', ...next }, actions: [] };
      return { state: { phase: 'reading', ...next }, actions: [{ type: 'read', after: page.through }] };
    }
    case 'drain':
      if (state.phase !== 'draining') return { state, actions: [] };
      return { state: { ...state, phase: 'reading' }, actions: [{ type: 'read', after: state.position }] };
    case 'overflow': {
      if (state.phase !== 'live') return { state, actions: [] };
      const next: CatchingUp = { position: input.flushed, told: input.flushed, slow: true };
      if (input.needsDrain) return { state: { phase: 'draining', ...next }, actions: [{ type: 'leave' }] };
      // A transport that still takes more will not say when it has drained.
      return {
        state: { phase: 'reading', ...next },
        actions: [{ type: 'leave' }, { type: 'read', after: next.position }],
      };
    }
    case 'hold': {
      if (state.phase === 'live') {
        const next: CatchingUp = { position: input.flushed, told: input.flushed };
        return { state: { phase: 'held', ...next }, actions: [{ type: 'leave' }] };
      }
      // A page that is on its way is for rights that may be gone.
      return { state: { ...state, phase: 'held' }, actions: [] };
    }
    case 'release':
      if (state.phase !== 'held') return { state, actions: [] };
      // Nothing came meanwhile, so there is no page to read.
      if (state.position === input.flushed && !state.misplaced) return joining();
      if (input.needsDrain) return { state: { ...state, phase: 'draining' }, actions: [] };
      return { state: { ...state, phase: 'reading' }, actions: [{ type: 'read', after: state.position }] };
    case 'end':
      return { state: { phase: 'ended' }, actions: state.phase === 'live' ? [{ type: 'leave' }] : [] };
  }
}
