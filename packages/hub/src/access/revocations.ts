import { createHash } from 'node:crypto';
import type { Rights } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { ServerError, type StoredValue, type StoredValues, type ValuesChange } from '@tidings/server/log';
import { Problem } from '../http/problem.ts';
import { subjectOf } from './tokens/sender.ts';

/** What is revoked: the tokens of a subject or all tokens, as far as they were issued up to a time, or one token by its id (`jti`). */
export interface Revocation {
  readonly subject?: string;
  readonly token?: string;
  /** Milliseconds since 1970. A token that does not say when it was issued counts as issued before. */
  readonly before?: number;
  /** When it was revoked, milliseconds since 1970. */
  readonly at: number;
}

/** Whose rights those are that may be revoked, by digests: names may be of any length and have any characters. */
export interface Revocable {
  readonly subject?: string | undefined;
  /** What a revocation is known by that names this very subject, if that is another one: the text may be the hub's name of another sender, too. */
  readonly named?: string | undefined;
  readonly token?: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
}

/** What of rights may be revoked; undefined if they are not of a token. */
export function revocableOf(rights: Pick<Rights, 'subject' | 'credential'>): Revocable | undefined {
  const { subject, named, token, issuedAt } = namesOf(rights) ?? {};
  if (issuedAt === undefined) return undefined;
  return {
    issuedAt,
    ...(subject === undefined ? {} : { subject: hash(subject) }),
    ...(named === undefined ? {} : { named: hash(named) }),
    ...(token === undefined ? {} : { token: hash(token) }),
  };
}

/** The names of what may be revoked, in place of their digests. */
function namesOf({ subject, credential }: Pick<Rights, 'subject' | 'credential'>): Revocable | undefined {
  const { id: token, issuedAt } = credential ?? {};
  if (issuedAt === undefined) return undefined;
  if (subject === undefined) return { token, issuedAt };
  const own = subjectOf(subject);
  const named = subjectOf(own);
  return { subject: own, ...(named === own ? {} : { named }), token, issuedAt };
}

const PREFIX = 'revoked/';
const SUBJECT = `${PREFIX}subject/`;
const TOKEN = `${PREFIX}token/`;
const ALL = `${PREFIX}all`;

/** Some revocations, by names or by digests of them. */
class Revoked {
  #all: number | undefined;
  readonly #subjects = new Map<string, number>();
  readonly #tokens = new Set<string>();

  get isEmpty(): boolean {
    return this.#all === undefined && this.#subjects.size === 0 && this.#tokens.size === 0;
  }

  has({ subject, named, token, issuedAt }: Revocable): boolean {
    if (token !== undefined && this.#tokens.has(token)) return true;
    const before = [
      this.#all,
      ...[subject, named].map((each) => (each === undefined ? undefined : this.#subjects.get(each))),
    ];
    return before.some((time) => time !== undefined && issuedAt <= time);
  }

  add({ subject, token }: Pick<Revocable, 'subject' | 'token'>, before: number): void {
    if (token !== undefined) this.#tokens.add(token);
    else if (subject === undefined) this.#all = before;
    else this.#subjects.set(subject, before);
  }

  delete({ subject, token }: Pick<Revocable, 'subject' | 'token'>): void {
    if (token !== undefined) this.#tokens.delete(token);
    else if (subject === undefined) this.#all = undefined;
    else this.#subjects.delete(subject);
  }

  clear(): void {
    this.#all = undefined;
    this.#subjects.clear();
    this.#tokens.clear();
  }
}

// For how long what is known of revocations counts as all of them, in milliseconds.
const KNOWN_MS = 1000;

// The name of no value: a log of several nodes asks its store for it.
const NONE = `${PREFIX}none`;

/** What is revoked of a hub's tokens. It is kept by the log, so all hubs on it know it, and those that are started later. */
export class Revocations {
  readonly #values: StoredValues;
  readonly #clock: Clock;
  #stop: () => void = () => {};
  /** By the digests in the names of the values. */
  readonly #revoked = new Revoked();
  readonly #started: Promise<void>;
  /** As of when everything that was revoked is known, by the clock that only moves forward. */
  #knownAt = -Infinity;
  #asking: Promise<void> | undefined;

  #known = (): void => {};

  constructor(values: StoredValues, clock: Clock) {
    this.#values = values;
    this.#clock = clock;
    this.#started = new Promise((resolve) => {
      this.#known = resolve;
    });
  }

  /**
   * Follows what is revoked. A revocation costs the same however many there are.
   * @param onRevoked is called when it is known what was revoked before, and when something else was. It is given a test of rights: whether that covers them
   */
  start(onRevoked: (covers: (rights: Pick<Rights, 'subject' | 'credential'>) => boolean) => void): void {
    this.#stop = this.#values.watch(PREFIX, (change) => {
      const fresh = this.#take(change);
      this.#known();
      if (fresh.isEmpty && !change.isWhole) return;
      onRevoked((rights) => {
        const names = namesOf(rights);
        return names !== undefined && fresh.has(names);
      });
    });
  }

  /**
   * Settles when it is known what was revoked until a second before the call, also if this process has stood still or was cut off from its log.
   * @throws {ServerError} (as a rejection) what the log cannot answer
   */
  async ready(): Promise<void> {
    await this.#started;
    const since = this.#clock.now() - KNOWN_MS;
    while (this.#knownAt < since) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
  }

  /** Who asks a log for a value is told of all changes before. */
  async #ask(): Promise<void> {
    const now = this.#clock.now();
    await this.#values.get(NONE);
    this.#knownAt = now;
  }

  /** Whether rights have been revoked. Those of a key cannot be. */
  covers(rights: Pick<Rights, 'subject' | 'credential'>): boolean {
    if (this.#revoked.isEmpty) return false;
    const revocable = revocableOf(rights);
    return revocable !== undefined && this.has(revocable);
  }

  has(revocable: Revocable): boolean {
    return this.#revoked.has(revocable);
  }

  /**
   * Revokes, on every hub of the log. What is revoked up to a later time stays so: that is taken back by {@link restore} alone. Resolves to what holds when it is stored.
   * @throws {Problem} (as a rejection) `too-many-revocations`
   */
  async revoke(what: Pick<Revocation, 'subject' | 'token' | 'before'>): Promise<Revocation> {
    const at = this.#clock.time();
    const { token, before = at } = what;
    const revocation: Revocation = token === undefined ? { ...what, before, at } : { ...what, at };
    const name = nameOf(revocation);
    const stored = await this.#values.get(name);
    const present = stored === undefined ? undefined : read({ name, value: stored });
    if (present?.before !== undefined && present.before > before) return present;
    try {
      await this.#values.set(name, JSON.stringify(revocation));
    } catch (error) {
      if (!(error instanceof ServerError && error.code === 'ERR_TOO_MANY_VALUES')) throw error;
      throw new Problem(
        'too-many-revocations',
        'The log keeps as many revocations as it takes: take back those whose tokens have expired',
        {
          cause: error,
        },
      );
    }
    return revocation;
  }

  /** Takes a revocation back. Resolves to whether there was one. */
  async restore(what: Pick<Revocation, 'subject' | 'token'>): Promise<boolean> {
    return await this.#values.remove(nameOf(what));
  }

  async list(): Promise<readonly Revocation[]> {
    return (await this.#values.list(PREFIX)).map(read);
  }

  close(): void {
    this.#stop();
  }

  /** Takes a change, and no more than that: there may be many revocations. Returns what was revoked, by names. */
  #take({ isWhole, set, removed }: ValuesChange): Revoked {
    const fresh = new Revoked();
    if (isWhole) this.#revoked.clear();
    for (const name of removed) this.#revoked.delete(digestsIn(name));
    for (const stored of set) {
      const { subject, token, before = Infinity } = read(stored);
      this.#revoked.add(digestsIn(stored.name), before);
      fresh.add({ subject: subject === undefined ? undefined : subjectOf(subject), token }, before);
    }
    return fresh;
  }
}

function read({ value }: StoredValue): Revocation {
  return JSON.parse(value) as Revocation;
}

/** A subject and an id may be of any length and have any characters. */
function nameOf({ subject, token }: Pick<Revocation, 'subject' | 'token'>): string {
  if (token !== undefined) return TOKEN + hash(token);
  return subject === undefined ? ALL : SUBJECT + hash(subjectOf(subject));
}

/** The digests in the name of a value; none in that of what is revoked by time alone. */
function digestsIn(name: string): Pick<Revocable, 'subject' | 'token'> {
  if (name.startsWith(TOKEN)) return { token: name.slice(TOKEN.length) };
  return name.startsWith(SUBJECT) ? { subject: name.slice(SUBJECT.length) } : {};
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
