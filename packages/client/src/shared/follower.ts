/** One tab that follows the leader, as pure functions. `protocol.ts` explains the phases. `SharedFeed` is the shell. */
import type { EventMessage } from '@tidings/wire';
import type { SubscriptionState } from '../connection/feed.ts';
import type { JoinAnswer, TabMessage } from './protocol.ts';
import {
  isSame,
  MAX_RECENT_EVENTS,
  noEvents,
  type Place,
  type RecentEvents,
  remember,
  type SharedEvent,
} from './recent-events.ts';

/** What the leader has sent while a tab catches up. It is what the tab goes on with once it has caught up. */
interface HandOff {
  /** The leader's last event ID when the tab began to keep its events. */
  readonly lastEventId: string;
  /** The leader's events since then, without holes. */
  readonly events: readonly SharedEvent[];
  /** The place after them. */
  readonly place: Place;
}

export interface Follower {
  readonly name: string;
  readonly phase: 'joining' | 'live' | 'full' | 'catching-up';
  /** How many requests to join it has sent. */
  readonly joins: number;
  /** The last event ID after everything that was given out. */
  readonly lastEventId: string;
  /** The place in the shared stream. It is absent before the tab was live, and while and after it catches up by itself. */
  readonly place?: Place;
  /** What the tab could give other tabs if it were the leader. */
  readonly recent?: RecentEvents;
  /** It is there while catching up, once the leader has said at which place it is. */
  readonly handOff?: HandOff;
}

export type FollowerInput =
  | { readonly type: 'message'; readonly message: TabMessage; readonly hasRoom: boolean }
  /** The consumer has room again. */
  | { readonly type: 'room' }
  /** The tab's own connection has brought an event. */
  | { readonly type: 'own-event'; readonly event: EventMessage; readonly hasOwnId: boolean }
  /** The tab was elected as the leader. From now on its connection is the shared one. */
  | { readonly type: 'elected' };

export type FollowerAction =
  | { readonly type: 'send'; readonly message: TabMessage }
  | { readonly type: 'give-out'; readonly event: EventMessage; readonly hasOwnId: boolean }
  | { readonly type: 'report'; readonly state: SubscriptionState }
  | { readonly type: 'wait-for-room' }
  | { readonly type: 'open-own'; readonly lastEventId: string }
  | { readonly type: 'close-own' };

export interface FollowerStep {
  readonly follower: Follower;
  /** They are to be carried out in this order. */
  readonly actions: readonly FollowerAction[];
}

/** A tab that begins. If there is no leader yet, its request is lost, and it sends another when there is one. */
export function startFollower(name: string, lastEventId: string): FollowerStep {
  return join({ name, phase: 'joining', joins: 0, lastEventId });
}

/** The next step of a follower. */
export function stepFollower(follower: Follower, input: FollowerInput): FollowerStep {
  switch (input.type) {
    case 'room':
      return follower.phase === 'full' ? join(follower) : stay(follower);
    case 'own-event':
      return follower.phase === 'catching-up' ? receiveOwn(follower, input) : stay(follower);
    case 'elected': {
      if (follower.phase !== 'catching-up') return stay(follower);
      const { handOff: _, ...rest } = follower;
      return { follower: { ...rest, phase: 'joining' }, actions: [{ type: 'close-own' }] };
    }
    case 'message':
      return receiveMessage(follower, input.message, input.hasRoom);
  }
}

function stay(follower: Follower): FollowerStep {
  return { follower, actions: [] };
}

function receiveMessage(follower: Follower, message: TabMessage, hasRoom: boolean): FollowerStep {
  switch (message.type) {
    case 'elected':
      return follower.phase === 'full' ? stay(follower) : join(follower);
    case 'join-answer':
      return receiveAnswer(follower, message);
    case 'event':
      return receiveShared(follower, message.shared, hasRoom);
    case 'state':
      // A tab that catches up has a connection of its own, and a tab that is full is not where the shared connection is.
      if (follower.phase === 'catching-up' || follower.phase === 'full') return stay(follower);
      return { follower, actions: [{ type: 'report', state: message.state }] };
    case 'join':
    case 'reconnect':
    case 'ping':
      return stay(follower);
  }
}

/** Asks to join. A tab that is catching up goes on with that until the answer comes. */
function join(follower: Follower): FollowerStep {
  const { name: from, lastEventId, place } = follower;
  const { handOff: _, ...rest } = follower;
  const joins = follower.joins + 1;
  const phase = follower.phase === 'catching-up' ? 'catching-up' : 'joining';
  return {
    follower: { ...rest, phase, joins },
    actions: [{ type: 'send', message: { type: 'join', from, serial: joins, place, lastEventId } }],
  };
}

function receiveAnswer(follower: Follower, answer: JoinAnswer): FollowerStep {
  const { name, phase, joins, lastEventId } = follower;
  const { missed, place, state } = answer;
  const isAwaited = phase === 'joining' || (phase === 'catching-up' && follower.handOff === undefined);
  if (!isAwaited || answer.to !== name || answer.serial !== joins) return stay(follower);

  // A tab that catches up may have got on since it asked. Then it has missed other events than the answer says.
  if (missed !== undefined && answer.requestedId === lastEventId) {
    const close: FollowerAction[] = phase === 'catching-up' ? [{ type: 'close-own' }] : [];
    const recent = follower.recent ?? noEvents(placeBefore(missed, place), lastEventId || answer.lastEventId);
    const joined = goLive(follower, recent, missed, place, answer.lastEventId);
    return { ...joined, actions: [...close, { type: 'report', state }, ...joined.actions] };
  }
  const handOff: HandOff = { lastEventId: answer.lastEventId, events: [], place };
  const { place: _, recent: _forgotten, ...rest } = follower;
  const alone: Follower = { ...rest, phase: 'catching-up', handOff };
  if (phase === 'catching-up') return tryHandOff(alone, handOff, []);
  return { follower: alone, actions: [{ type: 'open-own', lastEventId }] };
}

/** The leader has sent an event. */
function receiveShared(follower: Follower, shared: SharedEvent, hasRoom: boolean): FollowerStep {
  if (follower.phase === 'joining' || follower.phase === 'full') return stay(follower);
  const at = follower.phase === 'live' ? follower.place : follower.handOff?.place;
  if (at === undefined) return stay(follower);
  const { place, event, hasOwnId } = shared;
  if (place.term === at.term && place.number <= at.number) return stay(follower);
  if (!isSame(place, { term: at.term, number: at.number + 1 })) return join(follower);

  if (follower.phase === 'live') {
    if (!hasRoom) return { follower: { ...follower, phase: 'full' }, actions: [{ type: 'wait-for-room' }] };
    const { lastEventId } = event;
    const recent = remember(follower.recent ?? noEvents(at, follower.lastEventId), shared);
    return { follower: { ...follower, place, lastEventId, recent }, actions: [{ type: 'give-out', event, hasOwnId }] };
  }
  const { handOff } = follower;
  if (handOff === undefined) return stay(follower);
  const later: HandOff =
    handOff.events.length >= MAX_RECENT_EVENTS
      ? { lastEventId: hasOwnId ? event.lastEventId : '', events: [], place }
      : { ...handOff, events: [...handOff.events, shared], place };
  return tryHandOff({ ...follower, handOff: later }, later, []);
}

/** The tab's own connection has brought an event. */
function receiveOwn(
  follower: Follower,
  { event, hasOwnId }: { readonly event: EventMessage; readonly hasOwnId: boolean },
): FollowerStep {
  const actions: FollowerAction[] = [{ type: 'give-out', event, hasOwnId }];
  const further: Follower = { ...follower, lastEventId: event.lastEventId };
  if (!hasOwnId || follower.handOff === undefined) return { follower: further, actions };
  return tryHandOff(further, follower.handOff, actions);
}

/** Goes live where the tab's own connection has brought an event that the leader has sent too. */
function tryHandOff(follower: Follower, handOff: HandOff, before: readonly FollowerAction[]): FollowerStep {
  const { lastEventId } = follower;
  const { events, place } = handOff;
  const index = events.findIndex(({ hasOwnId, event }) => hasOwnId && event.lastEventId === lastEventId);
  if (lastEventId === '' || (index < 0 && handOff.lastEventId !== lastEventId)) return { follower, actions: before };
  const rest = events.slice(index + 1);
  const joined = goLive(follower, noEvents(placeBefore(rest, place), lastEventId), rest, place, lastEventId);
  return { ...joined, actions: [...before, { type: 'close-own' }, ...joined.actions] };
}

function goLive(
  follower: Follower,
  recent: RecentEvents,
  missed: readonly SharedEvent[],
  place: Place,
  lastEventId: string,
): FollowerStep {
  const { handOff: _, ...rest } = follower;
  const live: Follower = {
    ...rest,
    phase: 'live',
    place,
    lastEventId: missed.at(-1)?.event.lastEventId ?? lastEventId,
    recent: missed.reduce(remember, recent),
  };
  return { follower: live, actions: missed.map(({ event, hasOwnId }) => ({ type: 'give-out', event, hasOwnId })) };
}

function placeBefore(events: readonly SharedEvent[], end: Place): Place {
  const first = events[0]?.place;
  return first === undefined ? end : { ...first, number: first.number - 1 };
}
