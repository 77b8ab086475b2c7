import { CLOSED_TYPE } from '@tidings/wire';
import { checkChoice, checkInteger, checkNames, ServerError } from '../../errors.ts';
import type { NewEvent } from '../entry.ts';
import { Selector, type Selection } from '../selection.ts';
import type { CreateOptions, TopicCondition, TopicOptions, TopicPhase, TopicStatus } from '../topic-states.ts';
import type { CheckedBounds } from './bounds.ts';
import type { PreparedBatch, PreparedEvent } from './prepared.ts';
import type { KnownTopics, TopicDraft, TopicRecord } from './topic-book.ts';

/** The longest lease, in milliseconds. */
const MAX_LEASE_MS = 24 * 60 * 60 * 1000;

/** What of a topic is kept. */
export interface TopicFacts {
  readonly events: number;
  /** The sequence number of its newest event; 0 if none is kept. */
  readonly lastSeq: number;
  /** The same for public events. */
  readonly publicSeq: number;
}

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
  for (const { topics, final } of batch.events) {
    for (const topic of topics) {
      const { final: before, lease } = draft.get(topic) ?? NOTHING;
      if (before || closed.has(topic)) return closedError('append', topic);
      if (!lease) continue;
      if (!given.has(lease.token)) {
        const found = given.size === 0 ? 'its lease was not given' : 'what was given is not, or no longer, its lease';
        return lostError(`${shown(topic)} is leased, and ${found}`);
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
      return new ServerError('ERR_CONDITION', `Cannot append: ${shown(condition.topic)} ${found}`);
  }
  return undefined;
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

/** Takes note that the last kept event of a topic has been removed. */
export function noteEmptied(draft: TopicDraft, topic: string): void {
  const record = draft.get(topic);
  if (record && !record.options && !record.lease) draft.set(topic, undefined);
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
    throw new ServerError('ERR_TOPIC_EXISTS', `Cannot create ${shown(topic)}: it is ${phase}, and was to be unknown`);
  }
  draft.set(topic, { ...before, since: now, options });
  if (!before?.options) checkRoom(draft, bounds, `create ${shown(topic)}`);
  return { created: phase === 'unknown' };
}

export function leaseTopic(
  draft: TopicDraft,
  topic: string,
  lease: { readonly ms: number; readonly token: string | undefined; readonly fresh: string },
  { now, time, bounds }: { readonly now: number; readonly time: number; readonly bounds: CheckedBounds },
): { readonly token: string; readonly until: number } {
  const { ms, token, fresh } = lease;
  const before = draft.get(topic);
  if (before?.final) throw closedError('lease', topic);
  const held = before?.lease;
  if (token !== undefined && held?.token !== token) {
    throw lostError(`the lease of ${shown(topic)} to renew is not, or no longer, its lease`, 'Cannot renew');
  }
  if (token === undefined && held) {
    const until = time + Math.ceil(held.until - now);
    const message = `Cannot lease ${shown(topic)}: it is leased until ${new Date(until).toISOString()}`;
    throw new ServerError('ERR_LEASED', message, { until });
  }
  const given = token ?? fresh;
  draft.set(topic, { since: now, ...before, lease: { token: given, ms, until: now + ms } });
  if (!held) checkRoom(draft, bounds, `lease ${shown(topic)}`);
  return { token: given, until: time + ms };
}

export function releaseTopic(draft: TopicDraft, topic: string, token: string): void {
  const { lease, ...rest } = draft.get(topic) ?? NOTHING;
  if (!lease || lease.token !== token) {
    throw lostError(`what was given is not, or no longer, the lease of ${shown(topic)}`, 'Cannot release');
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

function phaseOf(record: TopicRecord | undefined, { events }: Pick<TopicFacts, 'events'>): TopicPhase {
  if (record?.final) return 'closed';
  return record || events > 0 ? 'open' : 'unknown';
}

/** Whether those who see only public events know of a topic. */
export function isKnownPublicly(record: TopicRecord | undefined, { publicSeq }: TopicFacts): boolean {
  return publicSeq > 0 || (record?.final?.publicSeq ?? 0) > 0;
}

/** The sequence number after which a topic has nothing more for who sees its private events, or does not. */
function finalSeqOf({ final }: TopicRecord, seesPrivate: boolean): number | undefined {
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
  const finalSeq = record && finalSeqOf(record, seen.has(topic));
  return finalSeq === undefined ? {} : { finalSeq };
}

/** What is remembered of a topic, as part of its status. */
export function statusOf(
  topic: string,
  record: TopicRecord | undefined,
  facts: TopicFacts,
  { publicOnly = false, ahead }: { readonly publicOnly?: boolean | undefined; readonly ahead: number },
): Pick<TopicStatus, 'topic' | 'state' | 'finalSeq' | 'options' | 'leasedUntil'> {
  const { options, lease } = record ?? NOTHING;
  if (publicOnly && !isKnownPublicly(record, facts)) {
    // That it was created shows no event.
    return options ? { topic, state: 'open', options } : { topic, state: 'unknown' };
  }
  const finalSeq = record && finalSeqOf(record, !publicOnly);
  return {
    topic,
    state: phaseOf(record, facts),
    ...(finalSeq === undefined ? {} : { finalSeq }),
    ...(options ? { options } : {}),
    ...(lease ? { leasedUntil: Math.ceil(lease.until - ahead) } : {}),
  };
}

/** The event with which a log closes a topic whose lease has ended. It shows nobody a topic of which there are only private events. */
export function closingEvent(topic: string, { events, publicSeq }: TopicFacts): NewEvent {
  const fields = { event: CLOSED_TYPE, data: JSON.stringify({ reason: 'lease-expired' }) };
  return { topics: [topic], fields, final: true, private: events > 0 && publicSeq === 0 };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkTopicOptions(options: TopicOptions): TopicOptions {
  checkNames(options, { ttlMs: true, keep: true }, 'options.');
  const { ttlMs, keep } = options;
  if (ttlMs !== undefined) checkInteger('options.ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER);
  if (keep !== undefined) checkChoice('options.keep', keep, ['all', 'latest'] as const);
  return { ...(ttlMs === undefined ? {} : { ttlMs }), ...(keep === undefined ? {} : { keep }) };
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkLease(ms: number, token: string | undefined): void {
  checkInteger('ms', ms, 1, MAX_LEASE_MS);
  if (token === undefined || typeof token === 'string') return;
  throw new ServerError('ERR_INVALID_OPTION', `The option token is ${String(token)}, but must be a string`);
}

/** 128 random bits as hexadecimal digits. */
export function newToken(): string {
  const bits = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bits, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function closedError(what: string, topic: string): ServerError {
  return new ServerError('ERR_TOPIC_CLOSED', `Cannot ${what}: ${shown(topic)} is closed`);
}

/** Says what is wrong with a lease that no topic of a batch needs. */
function unneeded({ events }: Admission, leased: number): string {
  const [only = '', ...others] = new Set(events.flatMap(({ topics }) => topics));
  if (leased > 0) return 'one of the leases that were given belongs to none of its topics, or no longer';
  if (others.length > 0) return 'none of its topics is leased, or no longer, but a lease was given';
  return `${shown(only)} is not leased, or no longer, but a lease was given`;
}

function lostError(found: string, what = 'Cannot append'): ServerError {
  return new ServerError('ERR_LEASE_LOST', `${what}: ${found}`);
}

function shown(topic: string): string {
  return `the topic ${JSON.stringify(topic)}`;
}
