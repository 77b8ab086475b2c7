import { restartAfter } from '../restarts/restart.ts';

/**
 * The process of a worker:
 * - `starting`: it loads its program, and opens its sockets;
 * - `serving`: it listens;
 * - `leaving`: it was asked to end, and still needs the log;
 * - `released`: it needs the log no more, and finishes with its connections;
 * - `waiting`: it has ended, and the next one starts after a while.
 */
type Phase = 'starting' | 'serving' | 'leaving' | 'released' | 'waiting';

interface CrewMember {
  /** From 1. It stays the same when the process is replaced. */
  readonly number: number;
  readonly phase: Phase;
  /** When it began to serve, in milliseconds. */
  readonly since: number;
  /** How many processes of this number have ended in a row soon after they were started. */
  readonly failures: number;
}

/** The state of the workers of a hub. */
export interface Crew {
  readonly members: readonly CrewMember[];
  /** Whether all have served at the same time. Until then a worker that ends by itself ends the command. */
  readonly hasServed: boolean;
  /** Whether it was told that the log is no longer needed. */
  readonly isReleased: boolean;
  /** The exit code of the command; undefined until it is to end. */
  readonly ending: number | undefined;
  /** Whether the last worker has ended then. */
  readonly isOver: boolean;
}

export type CrewInput =
  | { readonly type: 'start'; readonly workers: number }
  | { readonly type: 'serving'; readonly number: number; readonly now: number }
  | { readonly type: 'released'; readonly number: number }
  /** `code` is null if a signal has ended it, which `signal` names. */
  | {
      readonly type: 'exited';
      readonly number: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly now: number;
    }
  /** The wait of a worker is over. */
  | { readonly type: 'due'; readonly number: number }
  /** SIGTERM, SIGINT, or the end of a supervisor. */
  | { readonly type: 'stop' };

export type CrewAction =
  | { readonly type: 'spawn'; readonly number: number }
  /** Ask a worker to end. */
  | { readonly type: 'terminate'; readonly number: number }
  | { readonly type: 'wait'; readonly number: number; readonly ms: number }
  | { readonly type: 'tell'; readonly text: string }
  /** All workers listen, for the first time. */
  | { readonly type: 'serving' }
  /** No worker needs the log any more. */
  | { readonly type: 'released' }
  | { readonly type: 'end'; readonly code: number };

export interface CrewStep {
  readonly crew: Crew;
  readonly actions: readonly CrewAction[];
}

export const NOBODY: Crew = { members: [], hasServed: false, isReleased: false, ending: undefined, isOver: false };

/** Returns the next state of the workers and the actions that follow from an input. A worker that ends by itself is replaced. */
export function stepCrew(before: Crew, input: CrewInput): CrewStep {
  const { crew, actions } = take(before, input);
  return finish(crew, actions);
}

function take(before: Crew, input: CrewInput): CrewStep {
  switch (input.type) {
    case 'start': {
      const numbers = Array.from({ length: input.workers }, (_, index) => index + 1);
      const members = numbers.map((number): CrewMember => ({ number, phase: 'starting', since: 0, failures: 0 }));
      return { crew: { ...before, members }, actions: numbers.map((number) => ({ type: 'spawn', number })) };
    }
    case 'serving':
      return serving(before, input.number, input.now);
    case 'released':
      return { crew: inPhase(before, input.number, 'released'), actions: [] };
    case 'due':
      return due(before, input.number);
    case 'exited':
      return exited(before, input);
    case 'stop':
      return before.ending === undefined ? stop(before, 0) : { crew: before, actions: [] };
  }
}

function serving(before: Crew, number: number, now: number): CrewStep {
  const member = memberOf(before, number);
  if (member?.phase !== 'starting') return { crew: before, actions: [] };
  const crew = changed(before, number, { phase: 'serving', since: now });
  if (before.hasServed) return { crew, actions: [{ type: 'tell', text: `Worker ${number} is running` }] };
  if (crew.members.some(({ phase }) => phase !== 'serving')) return { crew, actions: [] };
  return { crew: { ...crew, hasServed: true }, actions: [{ type: 'serving' }] };
}

function due(before: Crew, number: number): CrewStep {
  if (memberOf(before, number)?.phase !== 'waiting') return { crew: before, actions: [] };
  return { crew: inPhase(before, number, 'starting'), actions: [{ type: 'spawn', number }] };
}

function exited(
  before: Crew,
  { number, code, signal, now }: Extract<CrewInput, { readonly type: 'exited' }>,
): CrewStep {
  const member = memberOf(before, number);
  if (!member) return { crew: before, actions: [] };
  const without = { ...before, members: before.members.filter((one) => one !== member) };
  if (before.ending !== undefined) {
    // One that has not opened anything yet is ended by the signal that asks it to end.
    const own = code ?? (signal === 'SIGTERM' ? 0 : 1);
    return { crew: { ...without, ending: Math.max(before.ending, own) }, actions: [] };
  }
  // The worker itself has reported what is wrong with the options or the sockets. One that was ended by a signal has reported nothing.
  if (!before.hasServed && code !== null) return stop(without, code);
  const servedMs = member.phase === 'serving' ? now - member.since : undefined;
  const { failures, ms } = restartAfter(servedMs, member.failures);
  return {
    crew: changed(before, number, { phase: 'waiting', failures }),
    actions: [
      {
        type: 'tell',
        text: obituary(
          number,
          code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with ${code}`,
          failures,
          ms,
        ),
      },
      { type: 'wait', number, ms },
    ],
  };
}

function obituary(number: number, how: string, failures: number, ms: number): string {
  const often = failures > 1 ? `, ${failures} times in a row soon after it was started` : '';
  const next = ms === 0 ? 'the next one starts' : `the next one starts in ${ms / 1000} s`;
  return `Worker ${number} ${how}${often}; its listeners come back to the others, and ${next}`;
}

function stop(before: Crew, code: number): CrewStep {
  const present = before.members.filter(({ phase }) => phase !== 'waiting');
  const members = present.map((member): CrewMember => ({ ...member, phase: 'leaving' }));
  return {
    crew: { ...before, members, ending: code },
    actions: present.map(({ number }) => ({ type: 'terminate', number })),
  };
}

/** Takes the steps that have become possible at the end. */
function finish(crew: Crew, actions: readonly CrewAction[]): CrewStep {
  if (crew.ending === undefined || crew.isOver) return { crew, actions };
  const then: CrewAction[] = [];
  const isReleased = crew.members.every(({ phase }) => phase === 'released');
  if (isReleased && !crew.isReleased) then.push({ type: 'released' });
  const isOver = crew.members.length === 0;
  if (isOver) then.push({ type: 'end', code: crew.ending });
  return { crew: { ...crew, isReleased: crew.isReleased || isReleased, isOver }, actions: [...actions, ...then] };
}

function memberOf({ members }: Crew, number: number): CrewMember | undefined {
  return members.find((member) => member.number === number);
}

function changed(crew: Crew, number: number, to: Partial<CrewMember>): Crew {
  return { ...crew, members: crew.members.map((member) => (member.number === number ? { ...member, ...to } : member)) };
}

function inPhase(crew: Crew, number: number, phase: Phase): Crew {
  return changed(crew, number, { phase });
}
