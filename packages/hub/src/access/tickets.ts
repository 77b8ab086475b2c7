import { createHash, randomBytes } from 'node:crypto';
import type { Rights } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { counted, ServerError, type StoredValues, type TopicSet, TopicTest } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';
import type { Processes } from '../processes/processes.ts';

/** A ticket as its listener gets it. */
export interface Ticket {
  readonly ticket: string;
  /** Until when it has to be used first, milliseconds since 1970. */
  readonly useBy: number;
  /** Until when a listener can come back with it. */
  readonly expiresAt: number;
}

/** A ticket as it is kept, under its digest: who reads the log's files does not get tickets. */
interface TicketRecord {
  readonly listen: TopicSet;
  /** @default those of `listen` */
  readonly private?: TopicSet;
  readonly subject?: string | undefined;
  readonly key?: string | undefined;
  readonly credential?: Rights['credential'];
  readonly expiresAt: number;
  /** Until when it has to be used first; undefined once it was. */
  readonly useBy?: number;
}

/** A ticket that counts for its subject. */
interface Made {
  /** Until when it can still be used, milliseconds since 1970. */
  readonly until: number;
  /** How many it counts as: one for each KiB that it takes. */
  readonly units: number;
}

/** How long a ticket that was not used is good for, in milliseconds. */
const UNUSED_MS = 30_000;

// A key does not expire. What was made with it does.
const MAX_LIFE_MS = 24 * 60 * 60_000;

// What one ticket may cost in the log's store.
const MAX_RECORD_LENGTH = 16 * 1024;

// The rest of what a log's values may cost is for revocations, which nobody may crowd out.
const MAX_BYTES = 12 * 1024 * 1024;

// How many subjects more there are when those are looked for that have no tickets any more.
const PRUNE_EVERY = 1024;

const PREFIX = 'ticket/';

/** What other processes have of a subject's tickets. */
const OF_SUBJECT = 'tickets';
const USED = 'ticket used';

/** The tickets of a subject at one process that can still be used. */
interface Taken {
  readonly tickets: number;
  readonly units: number;
  /** When the first of them can no longer be used, milliseconds since 1970; undefined if there is none. */
  readonly first?: number | undefined;
}

/** Makes tickets: random texts for the URL of a listener that can send neither a header field nor a cookie. */
export class Tickets {
  readonly #values: StoredValues;
  readonly #clock: Clock;
  readonly #maxPerSubject: number;
  /** The tickets of each subject that were made or used here, by their digests. */
  readonly #made = new Map<string, Map<string, Made>>();

  readonly #processes: Processes;

  /** @param maxPerSubject how many tickets a subject may have that can still be used, in all processes */
  constructor(values: StoredValues, clock: Clock, maxPerSubject: number, processes: Processes) {
    this.#values = values;
    this.#clock = clock;
    this.#maxPerSubject = maxPerSubject;
    this.#processes = processes;
    processes.onAsk(OF_SUBJECT, (subject: string) => this.#takenBy(subject));
    // Where it was used it counts from then on.
    processes.onTell(USED, ([subject, digest]: readonly [string, string]) => this.#made.get(subject)?.delete(digest));
  }

  /**
   * Makes a ticket for listening to some topics, with no more rights than these.
   * @throws {Problem} (as a rejection) `too-many-tickets`, `too-large`
   */
  async make(rights: Rights, topics: TopicSet): Promise<Ticket> {
    const now = this.#clock.time();
    const expiresAt = Math.min(rights.expiresAt ?? Infinity, now + MAX_LIFE_MS);
    const { subject, key, credential } = rights;
    const ticket = randomBytes(24).toString('base64url');
    const useBy = Math.min(now + UNUSED_MS, expiresAt);
    const record = {
      listen: topics,
      ...privateWithin(rights.private, topics),
      subject,
      key,
      credential,
      expiresAt,
      useBy,
    };
    const text = JSON.stringify(record);
    if (text.length > MAX_RECORD_LENGTH) {
      const found = `The topics of the ticket take ${text.length} characters`;
      throw new Problem('too-large', `${found}, and ${MAX_RECORD_LENGTH} are the most`);
    }
    const units = unitsOf(text);
    this.#requireRoom([this.#takenBy(subject ?? '')], units, now);
    // Counted before it is stored, and no longer if it cannot be.
    this.#count(subject ?? '', ticket, { until: useBy, units });
    try {
      await this.#requireRoomOfAll(subject ?? '', now);
      await this.#store(ticket, text, useBy);
    } catch (error) {
      this.#made.get(subject ?? '')?.delete(hash(ticket));
      throw error;
    }
    return { ticket, useBy, expiresAt };
  }

  /** The rights of a ticket; undefined if it is none, or is none any more. */
  async rightsOf(ticket: string): Promise<Rights | undefined> {
    if (ticket.length > 64) return undefined;
    const text = await this.#values.get(nameOf(ticket));
    if (text === undefined) return undefined;
    const { useBy, ...record } = JSON.parse(text) as TicketRecord;
    const { listen, private: seen = listen, subject, key, credential, expiresAt } = record;
    if ((useBy ?? expiresAt) <= this.#clock.time()) return undefined;
    if (useBy !== undefined) {
      const used = JSON.stringify(record);
      await this.#store(ticket, used, expiresAt);
      this.#count(subject ?? '', ticket, { until: expiresAt, units: unitsOf(used) });
      this.#processes.tell(USED, [subject ?? '', hash(ticket)]);
    }
    return {
      allow: true,
      subject,
      listen,
      private: seen,
      publish: [],
      manage: [],
      presence: [],
      expiresAt,
      ...(key === undefined ? {} : { key }),
      credential: { ...credential, carrier: 'query', ticket: hash(ticket) },
    };
  }

  async #store(ticket: string, text: string, expiresAt: number): Promise<void> {
    try {
      await this.#values.set(nameOf(ticket), text, { expiresAt, atMostBytes: MAX_BYTES });
    } catch (error) {
      if (!(error instanceof ServerError && error.code === 'ERR_TOO_MANY_VALUES')) throw error;
      throw new Problem('too-many-tickets', 'The hub has as many tickets as it takes', {
        cause: error,
        headers: { 'Retry-After': '30' },
      });
    }
  }

  /** What a subject has in all processes, the ticket included that is being made. @throws {Problem} (as a rejection) `too-many-tickets` */
  async #requireRoomOfAll(subject: string, now: number): Promise<void> {
    if (this.#processes.isAlone) return;
    const others = await this.#processes.ask<Taken>(OF_SUBJECT, subject);
    this.#requireRoom([...others, this.#takenBy(subject)], 0, now);
  }

  /** @throws {Problem} `too-many-tickets` */
  #requireRoom(taken: readonly Taken[], units: number, now: number): void {
    if (taken.reduce((sum, each) => sum + each.units, units) <= this.#maxPerSubject) return;
    const tickets = taken.reduce((sum, each) => sum + each.tickets, 0);
    const first = Math.min(...taken.map((each) => each.first ?? Number.POSITIVE_INFINITY));
    const found = `The sender has ${counted(tickets, 'ticket')} that can still be used`;
    throw new Problem('too-many-tickets', `${found}, and ${this.#maxPerSubject} of 1 KiB each are the most`, {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil((first - now) / 1000))) },
    });
  }

  #takenBy(subject: string): Taken {
    this.#forget(this.#clock.time(), subject);
    const made = [...(this.#made.get(subject)?.values() ?? [])];
    return {
      tickets: made.length,
      units: made.reduce((sum, { units }) => sum + units, 0),
      first: made.length === 0 ? undefined : Math.min(...made.map(({ until }) => until)),
    };
  }

  #count(subject: string, ticket: string, made: Made): void {
    let known = this.#made.get(subject);
    if (!known) {
      this.#made.set(subject, (known = new Map<string, Made>()));
      if (this.#made.size % PRUNE_EVERY === 0)
        for (const each of this.#made.keys()) this.#forget(this.#clock.time(), each);
    }
    known.set(hash(ticket), made);
  }

  #forget(now: number, subject: string): void {
    const known = this.#made.get(subject);
    if (!known) return;
    for (const [ticket, { until }] of known) if (until <= now) known.delete(ticket);
    if (known.size === 0) this.#made.delete(subject);
  }
}

/**
 * What of a set of topics is within the topics of a ticket. What two different patterns have in common cannot be told, so one of the set stays if the ticket has any: it
 * counts only for what may be listened to.
 */
function privateWithin(set: TopicSet = [], topics: TopicSet): Pick<TicketRecord, 'private'> {
  if (topics === 'all') return { private: set };
  if (set === 'all') return {};
  const [given, asked] = [new TopicTest(set), new TopicTest(topics)];
  const isCovered = topics.every((topic) =>
    typeof topic === 'string'
      ? given.has(topic)
      : set.some((each) => typeof each !== 'string' && each.pattern === topic.pattern && each.base === topic.base),
  );
  if (isCovered) return {};
  const patterns = asked.patterns.length === 0 ? [] : set.filter((each) => typeof each !== 'string');
  const own = [...asked.exact].filter((topic) => given.has(topic));
  return { private: [...new Set([...own, ...[...given.exact].filter((topic) => asked.has(topic))]), ...patterns] };
}

function unitsOf(text: string): number {
  return Math.ceil(text.length / 1024);
}

function nameOf(ticket: string): string {
  return PREFIX + hash(ticket);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
