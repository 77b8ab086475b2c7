import { CLOSED_TYPE } from '@tidings/wire';
import { ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import { Selector, type Selection } from '../selection.ts';
import type { CreateOptions, LeaseOptions, TopicCondition, TopicOptions, TopicPhase } from '../topic-states.ts';
import type { CheckedBounds } from './bounds.ts';
import type { PreparedBatch, PreparedEvent } from './prepared.ts';
import type { KnownTopics, TopicDraft, TopicRecord } from './topic-book.ts';

/** What of a topic is kept. */
export interface TopicFacts {
  readonly events: number;
  /** The sequence number of its newest event; 0 if none is kept. */
  readonly lastSeq: number;
  /** The same for public events. */
  readonly publicSeq: number;
}

/** Whoever reads it may have published by HTTP, or in the program. */
const LEASE_MISSING =
  'its lease was not given: give its token in the header field Tidings-Lease, as lease of a line or of an event of a Publisher, or in the option leases of a program';

/** What can be done with a token that is none. */
const LEASE_ANEW =
  'give the token that its lease was answered, or wait until the topic is not leased and lease it anew';

const NOTHING: TopicRecord = { since: 0 };

export type FactsOf = (topic: string) => TopicFacts;

type Admission = Pick<PreparedBatch, 'events' | 'leases' | 'conditions'>;

/** Whether states of topics have to do with a batch. Most batches are told from the others without looking at their topics. */
export function concernsStates(known: KnownTopics, { events, leases, conditions }: Admission): boolean {
  if (leases || conditions) return true;
  for (const { final, topics } of events) {
    if (final) return true;
    if (known.size > 0 && topics.some((topic) => known.get(topic) !== undefined)) return true;
  }
  return false;
}

/** Why a batch may not be appended, because of the states of topics; undefined if it may. */
export function refusalOf(draft: TopicDraft, batch: Admission, factsOf: FactsOf): ServerError | undefined {
  const given = new Set(batch.leases);
  const needed = new Set<string>();
  const closed = new Set<string>();
  for (const [index, { topics, final }] of batch.events.entries()) {
    for (const topic of topics) {
      const { final: before, lease } = draft.get(topic) ?? NOTHING;
      if (before || closed.has(topic)) return closedError('append', topic, index);
      if (!lease) continue;
      if (!given.has(lease.token)) {
        const found = isForOthers(given, draft, batch)
          ? LEASE_MISSING
          : `what was given is not, or no longer, its lease: ${LEASE_ANEW}`;
        return lostError(`${shown(topic)} is leased, and ${found}`, { index });
      }
      needed.add(lease.token);
    }
    if (final) for (const topic of topics) closed.add(topic);
  }
  for (const token of given) {
    if (!needed.has(token)) return lostError(unneeded(batch, needed.size));
  }
  for (const condition of batch.conditions ?? []) {
    const found = unmet(condition, draft.get(condition.topic), factsOf(condition.topic));
    if (found !== undefined)
      return new ServerError(
        'ERR_CONDITION',
        `Cannot append: ${shown(condition.topic)} ${found}: ask for its status, and append with a condition that holds`,
      );
  }
  return undefined;
}

/** Whether each of the leases that were given is that of some topic of a batch, so that none was meant for one whose lease is missing. */
function isForOthers(given: ReadonlySet<string>, draft: TopicDraft, { events }: Admission): boolean {
  const held = new Set(events.flatMap(({ topics }) => topics.map((topic) => draft.get(topic)?.lease?.token)));
  return [...given].every((token) => held.has(token));
}

function unmet(
  { state, lastSeq }: TopicCondition,
  record: TopicRecord | undefined,
  facts: TopicFacts,
): string | undefined {
  const phase = phaseOf(record, facts);
  if (state !== undefined && phase !== state) return `is ${phase}, and was to be ${state}`;
  if (lastSeq === undefined || facts.lastSeq === lastSeq) return undefined;
  const found = facts.lastSeq === 0 ? 'has no kept event' : `has ${facts.lastSeq} as its newest event`;
  return `${found}, and was to have ${lastSeq === 0 ? 'none' : lastSeq}`;
}

/** Takes note of an event that is appended now. Batches of which {@link concernsStates} is false need not be noted. */
export function noteEvent(
  draft: TopicDraft,
  { topics, private: isPrivate, final }: Pick<PreparedEvent, 'topics' | 'private' | 'final'>,
  seq: number,
  now: number,
  factsOf: FactsOf,
): void {
  for (const topic of topics) {
    const before = draft.get(topic);
    if (final) {
      const { lease: _, ...rest } = before ?? NOTHING;
      const publicSeq = isPrivate ? factsOf(topic).publicSeq : seq;
      draft.set(topic, { ...rest, since: now, final: { seq, publicSeq } });
    } else if (before?.lease) {
      draft.set(topic, { ...before, since: now, lease: { ...before.lease, until: now + before.lease.ms } });
    } else if (before?.options?.ttlMs !== undefined) {
      draft.set(topic, { ...before, since: now });
    }
  }
}

/** Takes note that the last kept event of a topic has been removed, which may have been private. */
export function noteEmptied(draft: TopicDraft, topic: string, wasPrivate: boolean): void {
  const record = draft.get(topic);
  if (!record) return;
  const { hidden: _, ...rest } = record;
  if (!record.options && !record.lease) draft.set(topic, undefined);
  else if (wasPrivate !== (record.hidden === true)) draft.set(topic, wasPrivate ? { ...rest, hidden: true } : rest);
}

export function createTopic(
  draft: TopicDraft,
  topic: string,
  options: TopicOptions,
  { onlyUnknown = false }: CreateOptions,
  { facts, now, bounds }: { readonly facts: TopicFacts; readonly now: number; readonly bounds: CheckedBounds },
): { readonly created: boolean } {
  const before = draft.get(topic);
  const phase = phaseOf(before, facts);
  if (onlyUnknown && phase !== 'unknown') {
    throw new ServerError(
      'ERR_TOPIC_EXISTS',
      `Cannot create ${shown(topic)}: it exists already, and is ${phase}; choose another name, or set its options without this condition`,
    );
  }
  draft.set(topic, { ...before, since: now, options });
  if (!before?.options) checkRoom(draft, bounds, `create ${shown(topic)}`);
  return { created: phase === 'unknown' };
}

export function leaseTopic(
  draft: TopicDraft,
  topic: string,
  lease: LeaseOptions & { readonly ms: number; readonly fresh: string },
  { now, time, bounds }: { readonly now: number; readonly time: number; readonly bounds: CheckedBounds },
): { readonly token: string; readonly until: number } {
  const { ms, token, key, holder, fresh } = lease;
  const before = draft.get(topic);
  if (before?.final) throw closedError('lease', topic);
  const held = before?.lease;
  if (token !== undefined && held?.token !== token) {
    throw lostError(notLeasedWith(topic), { what: 'Cannot renew' });
  }
  const isAgain = key !== undefined && held?.key === key;
  if (token === undefined && held && !isAgain) {
    const until = time + Math.ceil(held.until - now);
    const message = `Cannot lease ${shown(topic)}: it is leased until ${new Date(until).toISOString()}, unless that is renewed: wait, or give the token of the lease to renew it`;
    throw new ServerError('ERR_LEASED', message, { until });
  }
  const given = held?.token ?? fresh;
  const known = held ? held.key : key;
  const by = held ? held.holder : holder;
  const kept = { ...(known === undefined ? {} : { key: known }), ...(by === undefined ? {} : { holder: by }) };
  draft.set(topic, { since: now, ...before, lease: { token: given, ms, until: now + ms, ...kept } });
  if (!held) checkRoom(draft, bounds, `lease ${shown(topic)}`);
  return { token: given, until: time + ms };
}

export function releaseTopic(draft: TopicDraft, topic: string, token: string): void {
  const { lease, ...rest } = draft.get(topic) ?? NOTHING;
  if (!lease || lease.token !== token) {
    const found = rest.final
      ? `${shown(topic)} is closed, and its lease has ended with that: there is nothing to give back`
      : notLeasedWith(topic);
    throw lostError(found, { what: 'Cannot release' });
  }
  // A closed topic has no lease, so that only its options are left to remember.
  draft.set(topic, rest.options ? rest : undefined);
}

/** Ends a lease, whoever holds it. */
export function endLease(draft: TopicDraft, topic: string): void {
  const { lease: _, ...rest } = draft.get(topic) ?? NOTHING;
  draft.set(topic, rest);
}

/** What is remembered for others, who did not ask for it, has a bound. */
function checkRoom(draft: TopicDraft, bounds: CheckedBounds, what: string): void {
  const { maxCreatedTopics, maxLeases, maxStateBytes } = bounds;
  const refused = (found: string): ServerError => new ServerError('ERR_TOO_MANY_TOPICS', `Cannot ${what}: ${found}`);
  if (draft.created > maxCreatedTopics)
    throw refused(`${maxCreatedTopics} topics have been created, the most there may be`);
  if (draft.leases > maxLeases) throw refused(`${maxLeases} topics are leased, the most there may be`);
  if (draft.bytes > maxStateBytes) {
    throw refused(`the states of topics would take ${draft.bytes} bytes; at most ${maxStateBytes} are allowed`);
  }
}

/** What a topic is. */
export function phaseOf(record: TopicRecord | undefined, { events }: Pick<TopicFacts, 'events'>): TopicPhase {
  if (record?.final) return 'closed';
  return record || events > 0 ? 'open' : 'unknown';
}

/** Whether those who see only public events know of a topic. */
export function isKnownPublicly(record: TopicRecord | undefined, { publicSeq }: TopicFacts): boolean {
  return publicSeq > 0 || (record?.final?.publicSeq ?? 0) > 0;
}

/** The sequence number after which a topic has nothing more for who sees its private events, or does not. */
export function finalSeqOf({ final }: TopicRecord, seesPrivate: boolean): number | undefined {
  if (!final || seesPrivate) return final?.seq;
  return final.publicSeq || undefined;
}

/** The sequence number of the final event of the only topic of a selection, as part of an answer. */
export function finalOf(known: KnownTopics, selection: Selection | undefined): { readonly finalSeq?: number } {
  if (known.size === 0 || !selection) return {};
  const { topics, private: seen } = Selector.of(selection);
  if (!topics.isExact || topics.exact.size !== 1) return {};
  const [topic = ''] = topics.exact;
  const record = known.get(topic);
  if (!record?.final) return {};
  const { seq, publicSeq } = record.final;
  // Private events behind the newest public one may be selected by another topic of theirs.
  const finalSeq = seen.has(topic) || (publicSeq > 0 && !seen.isEmpty) ? seq : publicSeq;
  return finalSeq === 0 ? {} : { finalSeq };
}

/** The event with which a log closes a topic whose lease has ended. It shows nobody a topic of which there are, or were at last, only private events. */
export function closingEvent(topic: string, record: TopicRecord | undefined, facts: TopicFacts): NewEvent {
  const isPrivate = facts.events > 0 ? facts.publicSeq === 0 : record?.hidden === true;
  const fields = { event: CLOSED_TYPE, data: JSON.stringify({ reason: 'lease-expired' }) };
  return { topics: [topic], fields, final: true, private: isPrivate };
}

function closedError(what: string, topic: string, index?: number): ServerError {
  return new ServerError(
    'ERR_TOPIC_CLOSED',
    `Cannot ${what}: ${shown(topic)} is closed: it can still be read; use another topic, or delete this one, if you may manage it`,
    { index },
  );
}

/** Says what is wrong with a lease that no topic of a batch needs. */
function unneeded({ events }: Admission, leased: number): string {
  const [only = '', ...others] = new Set(events.flatMap(({ topics }) => topics));
  if (leased > 0) return 'one of the leases that were given belongs to none of its topics, or no longer: leave it out';
  if (others.length > 0)
    return 'none of its topics is leased, or no longer, but a lease was given: leave it out, or lease a topic anew';
  return `${shown(only)} is not leased, or no longer, but a lease was given: leave it out, or lease the topic anew`;
}

/** Says of a token that it is not that of the lease of a topic, and what can be done. */
function notLeasedWith(topic: string): string {
  return `${shown(topic)} is not, or no longer, leased with this token: ${LEASE_ANEW}`;
}

function lostError(
  found: string,
  { what = 'Cannot append', index }: { readonly what?: string; readonly index?: number } = {},
): ServerError {
  return new ServerError('ERR_LEASE_LOST', `${what}: ${found}`, { index });
}

function shown(topic: string): string {
  return `the topic ${JSON.stringify(topic)}`;
}
