/** The tab with the shared connection, as pure functions. `protocol.ts` explains what it does. `SharedFeed` is the shell. */
import type { EventMessage } from '@tidings/wire';
import type { SubscriptionState } from '../connection/feed.ts';
import type { Follower } from './follower.ts';
import type { JoinAnswer, JoinRequest } from './protocol.ts';
import {
  eventsAfter,
  eventsAfterId,
  isSame,
  noEvents,
  type Place,
  type RecentEvents,
  remember,
  type SharedEvent,
} from './recent-events.ts';

export interface Leader {
  readonly place: Place;
  /** The last event ID of the shared connection. */
  readonly lastEventId: string;
  readonly recent: RecentEvents;
  readonly state: SubscriptionState;
}

/**
 * A tab that was elected goes on at its place as a follower.
 * @param term - a name that no other term has
 */
export function startLeader(follower: Follower, term: string): Leader {
  const { lastEventId, place, recent } = follower;
  const start: Place = { term, number: place?.number ?? 0 };
  return {
    place: start,
    lastEventId,
    recent: place === undefined || recent === undefined ? noEvents(start, lastEventId) : recent,
    state: { phase: 'connecting', attempt: 1 },
  };
}

/** The shared connection has brought an event, which is sent to all tabs. */
export function shareEvent(
  leader: Leader,
  event: EventMessage,
  hasOwnId: boolean,
): { leader: Leader; shared: SharedEvent } {
  const place: Place = { ...leader.place, number: leader.place.number + 1 };
  const shared: SharedEvent = { place, event, hasOwnId };
  const { lastEventId } = event;
  return { leader: { ...leader, place, lastEventId, recent: remember(leader.recent, shared) }, shared };
}

/** The leader's answer to a tab that asks to join. */
export function answerJoin(leader: Leader, request: JoinRequest): JoinAnswer {
  const { place, lastEventId, state } = leader;
  const { from: to, serial, lastEventId: requestedId } = request;
  const missed = missedBy(leader, request);
  return { type: 'join-answer', to, serial, requestedId, missed, place, lastEventId, state };
}

function missedBy({ recent, place }: Leader, request: JoinRequest): readonly SharedEvent[] | undefined {
  if (request.place !== undefined) {
    const missed = isSame(request.place, place) ? [] : eventsAfter(recent, request.place);
    if (missed !== undefined) return missed;
  }
  return request.lastEventId === '' ? [] : eventsAfterId(recent, request.lastEventId);
}
