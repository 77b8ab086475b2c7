import { restartAfter } from '../restarts/restart.ts';

/**
 * A hub in a process of its own:
 * - `preparing`: it loads its program;
 * - `prepared`: it waits until it may open the log;
 * - `opening`: it opens the log;
 * - `serving`: it listens;
 * - `leaving`: it was asked to end and still has the log;
 * - `released`: it has closed the log and finishes with its connections.
 */
type Phase = 'preparing' | 'prepared' | 'opening' | 'serving' | 'leaving' | 'released';

interface SupervisedHub {
  readonly id: number;
  readonly phase: Phase;
  /** When it began to serve, in milliseconds. */
  readonly since: number;
}

/** The state of a supervisor. */
export interface Supervision {
  readonly hubs: readonly SupervisedHub[];
  readonly nextId: number;
  /** Whether any hub has served. Until then a hub that ends by itself ends the command. */
  readonly hasServed: boolean;
  /** How many hubs in a row have ended soon after they were started. */
  readonly failures: number;
  /** Whether the start of the next hub is delayed. */
  readonly isWaiting: boolean;
  /** Whether another restart was requested during a restart. */
  readonly again: boolean;
  /** The exit code of the command; undefined until it was asked to end. */
  readonly ending: number | undefined;
}

export type SupervisionInput =
  | { readonly type: 'start' }
  /** SIGHUP. */
  | { readonly type: 'restart' }
  /** SIGTERM or SIGINT. */
  | { readonly type: 'stop' }
  /** The delay is over. */
  | { readonly type: 'due' }
  | { readonly type: 'prepared' | 'released'; readonly id: number }
  | { readonly type: 'serving'; readonly id: number; readonly now: number }
  /** `code` is null if a signal has ended it. */
  | { readonly type: 'exited'; readonly id: number; readonly code: number | null; readonly now: number };

export type SupervisionAction =
  | { readonly type: 'spawn'; readonly id: number }
  | { readonly type: 'open'; readonly id: number; readonly isFirst: boolean }
  /** Ask a hub to end. */
  | { readonly type: 'terminate'; readonly id: number }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'tell'; readonly text: string }
  /** Tell the process to which a SIGHUP has to be sent. */
  | { readonly type: 'tellPid' }
  | { readonly type: 'end'; readonly code: number };

export interface SupervisionStep {
  readonly supervision: Supervision;
  readonly actions: readonly SupervisionAction[];
}

export const NO_HUBS: Supervision = {
  hubs: [],
  nextId: 1,
  hasServed: false,
  failures: 0,
  isWaiting: false,
  again: false,
  ending: undefined,
};

/** Returns the next state and the actions that follow from an input. At most one hub has the log, and at most one more waits for it. */
export function stepSupervision(supervision: Supervision, input: SupervisionInput): SupervisionStep {
  const { supervision: taken, actions: first } = take(supervision, input);
  const { supervision: after, actions: then } = advance(taken);
  return { supervision: after, actions: [...first, ...then] };
}

function take(before: Supervision, input: SupervisionInput): SupervisionStep {
  switch (input.type) {
    case 'start':
      return { supervision: before, actions: [] };
    case 'due':
      return { supervision: { ...before, isWaiting: false }, actions: [] };
    case 'restart':
      return restart(before);
    case 'stop':
      return stop(before);
    case 'prepared':
    case 'released':
      return { supervision: inPhase(before, input.id, input.type), actions: [] };
    case 'serving':
      return {
        supervision: { ...inPhase(before, input.id, 'serving', input.now), hasServed: true },
        actions: [before.hasServed ? { type: 'tell', text: 'The next hub is running' } : { type: 'tellPid' }],
      };
    case 'exited':
      return exited(before, input.id, input.code, input.now);
  }
}

function restart(before: Supervision): SupervisionStep {
  if (before.ending !== undefined) return { supervision: before, actions: [] };
  const told: SupervisionAction = { type: 'tell', text: 'Restarting…' };
  // A delayed start need not wait longer: the cause of the failure may be gone.
  if (!holderOf(before) && !nextOf(before)) {
    return { supervision: { ...before, isWaiting: false, failures: 0 }, actions: [told] };
  }
  return { supervision: { ...before, again: true }, actions: [told] };
}

function stop(before: Supervision): SupervisionStep {
  if (before.ending !== undefined) return { supervision: before, actions: [] };
  const present = before.hubs.filter(({ phase }) => phase !== 'leaving' && phase !== 'released');
  // A hub that never had the log has nothing to release, and its exit code does not matter.
  const next = nextOf(before);
  const hubs = before.hubs.map((hub): SupervisedHub => {
    if (!present.includes(hub)) return hub;
    return { ...hub, phase: hub === next ? 'released' : 'leaving' };
  });
  return {
    supervision: { ...before, ending: 0, hubs },
    actions: [
      { type: 'tell', text: 'Stopping…' },
      ...present.map(({ id }): SupervisionAction => ({ type: 'terminate', id })),
    ],
  };
}

function exited(before: Supervision, id: number, code: number | null, now: number): SupervisionStep {
  const hub = before.hubs.find((one) => one.id === id);
  const without = { ...before, hubs: before.hubs.filter((one) => one !== hub) };
  if (!hub || hub.phase === 'released') return { supervision: without, actions: [] };
  if (before.ending !== undefined) return { supervision: { ...without, ending: code ?? 1 }, actions: [] };
  if (hub.phase === 'leaving') return { supervision: without, actions: [] };
  // The hub itself has reported what is wrong with the options, the data or the address. One that was ended by a signal has reported nothing.
  if (!before.hasServed && code !== null) return { supervision: { ...without, ending: code }, actions: [] };
  const how = code === null ? 'was ended by a signal' : `ended with ${code}`;
  if (holderOf(without)) {
    return { supervision: without, actions: [{ type: 'tell', text: `The next hub ${how}; the present one goes on` }] };
  }
  const servedMs = hub.phase === 'serving' ? now - hub.since : undefined;
  const { failures, ms } = restartAfter(servedMs, before.failures);
  const told: SupervisionAction = { type: 'tell', text: `The hub ${how}; connections wait for the next one` };
  if (failures === 0 || nextOf(without)) return { supervision: { ...without, failures }, actions: [told] };
  return { supervision: { ...without, failures, isWaiting: true }, actions: [told, { type: 'wait', ms }] };
}

/** Takes the steps that have become possible. */
function advance(before: Supervision): SupervisionStep {
  const { hubs, ending, isWaiting, nextId, again, hasServed } = before;
  if (ending !== undefined) {
    return { supervision: before, actions: hubs.length === 0 ? [{ type: 'end', code: ending }] : [] };
  }
  const holder = holderOf(before);
  const next = nextOf(before);
  if (next?.phase === 'prepared' && !holder) {
    return {
      supervision: inPhase(before, next.id, 'opening'),
      actions: [{ type: 'open', id: next.id, isFirst: !hasServed }],
    };
  }
  if (next?.phase === 'prepared' && holder?.phase === 'serving') {
    return {
      supervision: inPhase(before, holder.id, 'leaving'),
      actions: [{ type: 'terminate', id: holder.id }],
    };
  }
  const isWanted = holder ? again && holder.phase === 'serving' : !isWaiting;
  if (next || !isWanted) return { supervision: before, actions: [] };
  const hub: SupervisedHub = { id: nextId, phase: 'preparing', since: 0 };
  return {
    supervision: { ...before, hubs: [...hubs, hub], nextId: nextId + 1, again: false },
    actions: [{ type: 'spawn', id: nextId }],
  };
}

/** The hub that has the log. */
function holderOf({ hubs }: Supervision): SupervisedHub | undefined {
  return hubs.find(({ phase }) => phase === 'opening' || phase === 'serving' || phase === 'leaving');
}

/** The hub that is to have it next. */
function nextOf({ hubs }: Supervision): SupervisedHub | undefined {
  return hubs.find(({ phase }) => phase === 'preparing' || phase === 'prepared');
}

function inPhase(supervision: Supervision, id: number, phase: Phase, since = 0): Supervision {
  // If a hub was asked to end, its messages no longer count, but for `released`.
  const changes = (hub: SupervisedHub): boolean =>
    hub.id === id && (phase === 'released' || (hub.phase !== 'leaving' && hub.phase !== 'released'));
  return { ...supervision, hubs: supervision.hubs.map((hub) => (changes(hub) ? { ...hub, phase, since } : hub)) };
}
