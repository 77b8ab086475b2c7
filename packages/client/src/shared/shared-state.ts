/**
 * How tabs share one connection, as pure functions. `SharedFeed` is the shell: a Web Lock makes one of the tabs the leader, and
 * a BroadcastChannel carries what they say. A message of one tab reaches every other tab, in the order in which that tab
 * sent it; messages of different tabs may overtake each other; a tab may vanish at any point, or hang.
 *
 * The leader has the connection. It counts the events, in a term of its own, and says each of them to all. Each tab, the
 * leader's own included, is a listener that is in one of four phases:
 *
 * - `joining`: it has said `hello` with where it is, and waits for the leader's `welcome`. What it hears before does not
 *   count, because the welcome covers it.
 * - `live`: it gives out each event as it is said. One that does not follow the last one makes it join again.
 * - `full`: its consumer is slow. It drops what is said, keeps its place, and joins again once there is room.
 * - `catching-up`: the leader does not remember what it missed, so it has a connection of its own, behind its own last
 *   event ID, and keeps what the leader says meanwhile. When both have brought the same event, which its id tells, it
 *   closes its own connection, gives out what it kept behind that event, and is live.
 *
 * Every listener remembers the newest events of the shared stream. When the leader goes, the lock makes another tab leader.
 * That one goes on behind its own last event ID, keeps counting where it is, and says `leader`; whoever hears that joins
 * again. A tab that had heard less than the new leader is given the rest from what the new leader remembers; one that had heard
 * more is at a place that the new leader does not know, and catches up. So no event is lost and none is doubled, given
 * a server that resumes and gives each event an id of its own.
 *
 * A leader that says nothing is asked how its connection is. One that does not answer either hangs, and a tab takes its lock away.
 * When it goes on, it hears that it has lost the lock, drops its connection and joins. What it says until then is of its
 * old term, so whoever hears that joins again and is told by either leader what is behind its own last event ID.
 *
 * A tab that begins with a last event ID joins with it: behind the event of that id where the leader remembers it, else
 * by catching up. A tab that begins without one gets what comes from then on, and takes over the leader's last event ID.
 */
import type { EventMessage } from '@tidings/wire';
import type { SubscriptionState } from '../subscription/options.ts';
import {
  emptyLog,
  eventsBehind,
  eventsBehindId,
  isSame,
  MAX_REMEMBERED_EVENTS,
  type Place,
  remember,
  type SharedEvent,
  type SharedLog,
} from './shared-log.ts';

/** What is said. */
export type Notice =
  /** A tab wants to join, from this place or, where it has none that is known, from behind this ID. */
  | ({ readonly type: 'hello' } & Hello)
  | ({ readonly type: 'welcome' } & Welcome)
  /** A tab became the leader. */
  | { readonly type: 'leader' }
  | { readonly type: 'event'; readonly event: SharedEvent }
  /** How the leader's connection is. */
  | { readonly type: 'state'; readonly state: SubscriptionState }
  /** Somebody wants the leader to try now. */
  | { readonly type: 'reconnect' }
  /** Somebody wants to know whether the leader is there, which answers with its state. */
  | { readonly type: 'ask' };

export interface Hello {
  readonly from: string;
  /** Counts the hellos of that tab. Only the answer to the newest one counts. */
  readonly serial: number;
  readonly place: Place | undefined;
  readonly lastEventId: string;
}

export interface Welcome {
  readonly to: string;
  readonly serial: number;
  /** The ID that was joined with. */
  readonly since: string;
  /** The events that were missed; `undefined` where they are not remembered. */
  readonly missed: readonly SharedEvent[] | undefined;
  /** Where the shared stream is behind them. */
  readonly place: Place;
  readonly lastEventId: string;
  readonly state: SubscriptionState;
}

/** What the leader says while a tab catches up. */
interface Meeting {
  /** Where it was when the tab began to listen. */
  readonly lastEventId: string;
  /** What was said since, without holes. */
  readonly events: readonly SharedEvent[];
  /** Where it is now. */
  readonly place: Place;
}

export interface Listener {
  readonly name: string;
  readonly phase: 'joining' | 'live' | 'full' | 'catching-up';
  /** How often it has said hello. */
  readonly hellos: number;
  /** The last event ID behind everything that was given out. */
  readonly lastEventId: string;
  /** Where the tab is in the shared stream; absent before it was live, and once it has caught up by itself. */
  readonly place?: Place;
  /** What it could tell other tabs if it were the leader. */
  readonly log?: SharedLog;
  /** While catching up; absent until the leader has said where it is. */
  readonly meeting?: Meeting;
}

export type ListenerInput =
  | { readonly type: 'notice'; readonly notice: Notice; readonly hasRoom: boolean }
  /** The consumer has room again. */
  | { readonly type: 'room' }
  /** An event of the tab's own connection. */
  | { readonly type: 'own-event'; readonly message: EventMessage; readonly hasOwnId: boolean }
  /** The tab is the leader from now on. Its connection is the shared one. */
  | { readonly type: 'elected' };

export type ListenerAction =
  | { readonly type: 'say'; readonly notice: Notice }
  | { readonly type: 'give'; readonly message: EventMessage; readonly hasOwnId: boolean }
  | { readonly type: 'tell'; readonly state: SubscriptionState }
  | { readonly type: 'wait-for-room' }
  | { readonly type: 'open-own'; readonly lastEventId: string }
  | { readonly type: 'close-own' };

export interface ListenerStep {
  readonly listener: Listener;
  readonly actions: readonly ListenerAction[];
}

/** A tab that begins to listen. Its hello is lost where there is no leader; the next one asks for another. */
export function startListener(name: string, lastEventId: string): ListenerStep {
  return join({ name, phase: 'joining', hellos: 0, lastEventId });
}

/** One step of a listener. What it answers is to be done in order. */
export function listen(listener: Listener, input: ListenerInput): ListenerStep {
  switch (input.type) {
    case 'room':
      return listener.phase === 'full' ? join(listener) : { listener, actions: [] };
    case 'own-event':
      return listener.phase === 'catching-up' ? receiveOwn(listener, input) : { listener, actions: [] };
    case 'elected': {
      if (listener.phase !== 'catching-up') return { listener, actions: [] };
      const { meeting: _, ...alone } = listener;
      return { listener: { ...alone, phase: 'joining' }, actions: [{ type: 'close-own' }] };
    }
    case 'notice':
      return hear(listener, input.notice, input.hasRoom);
  }
}

function hear(listener: Listener, notice: Notice, hasRoom: boolean): ListenerStep {
  switch (notice.type) {
    case 'leader':
      return listener.phase === 'full' ? { listener, actions: [] } : join(listener);
    case 'welcome':
      return receiveWelcome(listener, notice);
    case 'event':
      return receiveShared(listener, notice.event, hasRoom);
    case 'state':
      // Who catches up has a connection of its own, and who is full is not where the shared one is.
      if (listener.phase === 'catching-up' || listener.phase === 'full') return { listener, actions: [] };
      return { listener, actions: [{ type: 'tell', state: notice.state }] };
    case 'hello':
    case 'reconnect':
    case 'ask':
      return { listener, actions: [] };
  }
}

/** Says hello. Who is catching up goes on with that until the welcome comes. */
function join(listener: Listener): ListenerStep {
  const { name: from, lastEventId, place } = listener;
  const { meeting: _, ...rest } = listener;
  const hellos = listener.hellos + 1;
  const phase = listener.phase === 'catching-up' ? 'catching-up' : 'joining';
  return {
    listener: { ...rest, phase, hellos },
    actions: [{ type: 'say', notice: { type: 'hello', from, serial: hellos, place, lastEventId } }],
  };
}

function receiveWelcome(listener: Listener, told: Welcome): ListenerStep {
  const { name, phase, hellos, lastEventId } = listener;
  const { missed, place, state } = told;
  const isAwaited = phase === 'joining' || (phase === 'catching-up' && listener.meeting === undefined);
  if (!isAwaited || told.to !== name || told.serial !== hellos) return { listener, actions: [] };

  // Who catches up may have got on since it said hello, and then what was missed is not what the leader says it is.
  if (missed !== undefined && told.since === lastEventId) {
    const close: ListenerAction[] = phase === 'catching-up' ? [{ type: 'close-own' }] : [];
    const log = listener.log ?? emptyLog(placeBefore(missed, place), lastEventId || told.lastEventId);
    const joined = goLive(listener, log, missed, place, told.lastEventId);
    return { ...joined, actions: [...close, { type: 'tell', state }, ...joined.actions] };
  }
  const meeting: Meeting = { lastEventId: told.lastEventId, events: [], place };
  const { place: _, log: _forgotten, ...alone } = listener;
  const apart: Listener = { ...alone, phase: 'catching-up', meeting };
  if (phase === 'catching-up') return meet(apart, meeting, []);
  return { listener: apart, actions: [{ type: 'open-own', lastEventId }] };
}

function receiveShared(listener: Listener, event: SharedEvent, hasRoom: boolean): ListenerStep {
  if (listener.phase === 'joining' || listener.phase === 'full') return { listener, actions: [] };
  const at = listener.phase === 'live' ? listener.place : listener.meeting?.place;
  if (at === undefined) return { listener, actions: [] };
  const { place, message, hasOwnId } = event;
  if (place.term === at.term && place.number <= at.number) return { listener, actions: [] };
  if (!isSame(place, { term: at.term, number: at.number + 1 })) return join(listener);

  if (listener.phase === 'live') {
    if (!hasRoom) return { listener: { ...listener, phase: 'full' }, actions: [{ type: 'wait-for-room' }] };
    const { lastEventId } = message;
    const log = remember(listener.log ?? emptyLog(at, listener.lastEventId), event);
    return { listener: { ...listener, place, lastEventId, log }, actions: [{ type: 'give', message, hasOwnId }] };
  }
  const { meeting } = listener;
  if (meeting === undefined) return { listener, actions: [] };
  if (meeting.events.length >= MAX_REMEMBERED_EVENTS) {
    const later: Meeting = { lastEventId: hasOwnId ? message.lastEventId : '', events: [], place };
    return meet({ ...listener, meeting: later }, later, []);
  }
  const longer: Meeting = { ...meeting, events: [...meeting.events, event], place };
  return meet({ ...listener, meeting: longer }, longer, []);
}

function receiveOwn(
  listener: Listener,
  { message, hasOwnId }: { message: EventMessage; hasOwnId: boolean },
): ListenerStep {
  const given: ListenerAction[] = [{ type: 'give', message, hasOwnId }];
  const further: Listener = { ...listener, lastEventId: message.lastEventId };
  if (!hasOwnId || listener.meeting === undefined) return { listener: further, actions: given };
  return meet(further, listener.meeting, given);
}

/** Goes live where the tab's own connection has brought an event that the leader has said too. */
function meet(listener: Listener, meeting: Meeting, before: readonly ListenerAction[]): ListenerStep {
  const { lastEventId } = listener;
  const { events, place } = meeting;
  const index = events.findIndex(({ hasOwnId, message }) => hasOwnId && message.lastEventId === lastEventId);
  if (lastEventId === '' || (index < 0 && meeting.lastEventId !== lastEventId)) return { listener, actions: before };
  const rest = events.slice(index + 1);
  const joined = goLive(listener, emptyLog(placeBefore(rest, place), lastEventId), rest, place, lastEventId);
  return { ...joined, actions: [...before, { type: 'close-own' }, ...joined.actions] };
}

function goLive(
  listener: Listener,
  log: SharedLog,
  missed: readonly SharedEvent[],
  place: Place,
  lastEventId: string,
): ListenerStep {
  const { meeting: _, ...rest } = listener;
  const live: Listener = {
    ...rest,
    phase: 'live',
    place,
    lastEventId: missed.at(-1)?.message.lastEventId ?? lastEventId,
    log: missed.reduce(remember, log),
  };
  return { listener: live, actions: missed.map(({ message, hasOwnId }) => ({ type: 'give', message, hasOwnId })) };
}

function placeBefore(events: readonly SharedEvent[], end: Place): Place {
  const first = events[0]?.place;
  return first === undefined ? end : { ...first, number: first.number - 1 };
}

/** The tab with the connection. */
export interface Leader {
  readonly place: Place;
  /** The last event ID of the connection. */
  readonly lastEventId: string;
  readonly log: SharedLog;
  readonly state: SubscriptionState;
}

/** A tab that has become the leader goes on where it is as a listener. `term` has to be new. */
export function startLeader(listener: Listener, term: string): Leader {
  const { lastEventId, place, log } = listener;
  const start: Place = { term, number: place?.number ?? 0 };
  return {
    place: start,
    lastEventId,
    log: place === undefined || log === undefined ? emptyLog(start, lastEventId) : log,
    state: { phase: 'connecting', attempt: 1 },
  };
}

/** An event of the leader's connection, and what is said about it. */
export function lead(leader: Leader, message: EventMessage, hasOwnId: boolean): { leader: Leader; notice: Notice } {
  const place: Place = { ...leader.place, number: leader.place.number + 1 };
  const event: SharedEvent = { place, message, hasOwnId };
  const { lastEventId } = message;
  return {
    leader: { ...leader, place, lastEventId, log: remember(leader.log, event) },
    notice: { type: 'event', event },
  };
}

/** What the leader answers to a hello. */
export function welcome(leader: Leader, hello: Hello): Notice {
  const { place, lastEventId, state } = leader;
  const { from: to, serial, lastEventId: since } = hello;
  return { type: 'welcome', to, serial, since, missed: missedBy(leader, hello), place, lastEventId, state };
}

function missedBy({ log, place }: Leader, hello: Hello): readonly SharedEvent[] | undefined {
  if (hello.place !== undefined) {
    const missed = isSame(hello.place, place) ? [] : eventsBehind(log, hello.place);
    if (missed !== undefined) return missed;
  }
  return hello.lastEventId === '' ? [] : eventsBehindId(log, hello.lastEventId);
}
