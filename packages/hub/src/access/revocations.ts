import { createHash } from 'node:crypto';
import type { Rights } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { ServerError, type StoredValue, type StoredValues } from '@tidings/server/log';
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
  readonly token?: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
}

/** What of rights may be revoked; undefined if they are not of a token. */
export function revocableOf({ subject, credential }: Pick<Rights, 'subject' | 'credential'>): Revocable | undefined {
  const { id, issuedAt } = credential ?? {};
  if (issuedAt === undefined) return undefined;
  return {
    issuedAt,
    ...(subject === undefined ? {} : { subject: hash(subjectOf(subject)) }),
    ...(id === undefined ? {} : { token: hash(id) }),
  };
}

const PREFIX = 'revoked/';

/** What is revoked of a hub's tokens. It is kept by the log, so all hubs on it know it, and those that are started later. */
export class Revocations {
  readonly #values: StoredValues;
  readonly #clock: Clock;
  #stop: () => void = () => {};
  #all: number | undefined;
  #subjects = new Map<string, number>();
  #tokens = new Set<string>();
  readonly #ready: Promise<void>;

  #known = (): void => {};

  constructor(values: StoredValues, clock: Clock) {
    this.#values = values;
    this.#clock = clock;
    this.#ready = new Promise((resolve) => {
      this.#known = resolve;
    });
  }

  /** @param onChange is called when it is known what was revoked before, and when something else was */
  start(onChange: () => void): void {
    this.#stop = this.#values.watch(PREFIX, (found) => {
      this.#take(found);
      this.#known();
      onChange();
    });
  }

  /** Settles when it is known what was revoked before. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** Whether rights have been revoked. Those of a key cannot be. */
  covers(rights: Pick<Rights, 'subject' | 'credential'>): boolean {
    if (this.#all === undefined && this.#subjects.size === 0 && this.#tokens.size === 0) return false;
    const revocable = revocableOf(rights);
    return revocable !== undefined && this.has(revocable);
  }

  has({ subject, token, issuedAt }: Revocable): boolean {
    if (token !== undefined && this.#tokens.has(token)) return true;
    const before = [this.#all, subject === undefined ? undefined : this.#subjects.get(subject)];
    return before.some((time) => time !== undefined && issuedAt <= time);
  }

  /** Revokes, on every hub of the log. Resolves when it is stored. @throws {Problem} (as a rejection) `too-many-revocations` */
  async revoke(what: Pick<Revocation, 'subject' | 'token' | 'before'>): Promise<Revocation> {
    const at = this.#clock.time();
    const revocation: Revocation =
      what.token === undefined ? { ...what, before: what.before ?? at, at } : { ...what, at };
    try {
      await this.#values.set(nameOf(revocation), JSON.stringify(revocation));
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

  #take(values: readonly StoredValue[]): void {
    this.#all = undefined;
    this.#subjects = new Map();
    this.#tokens = new Set();
    for (const { subject, token, before = Infinity } of values.map(read)) {
      if (token !== undefined) this.#tokens.add(hash(token));
      else if (subject === undefined) this.#all = before;
      else this.#subjects.set(hash(subjectOf(subject)), before);
    }
  }
}

function read({ value }: StoredValue): Revocation {
  return JSON.parse(value) as Revocation;
}

/** A subject and an id may be of any length and have any characters. */
function nameOf({ subject, token }: Pick<Revocation, 'subject' | 'token'>): string {
  if (token !== undefined) return `${PREFIX}token/${hash(token)}`;
  return subject === undefined ? `${PREFIX}all` : `${PREFIX}subject/${hash(subjectOf(subject))}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
