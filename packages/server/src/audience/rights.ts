import { ServerError, shown, suggestion } from '../errors.ts';
import type { RequestHead } from '../http/request.ts';
import { type Matcher, type TopicSet, TopicTest } from '../log/selection.ts';
import type { ReceivedEvent } from './event-reader.ts';

/** How the sender of a request has shown who it is. */
export interface Credential {
  /** The id of its token, such as the claim `jti`. @default unknown */
  readonly id?: string | undefined;
  /** Who issued the token, such as the claim `iss`. @default unknown */
  readonly issuer?: string | undefined;
  /** When the token was issued, in milliseconds since 1970. @default unknown */
  readonly issuedAt?: number | undefined;
  /**
   * Where the request has it. Browsers send a `cookie` of their own accord: with one, a hub takes a request that changes something from pages of allowed
   * origins alone. @default 'header'
   */
  readonly carrier?: 'header' | 'cookie' | 'query' | undefined;
  /** The name of a ticket that one listener at a time may use: one that comes with it takes the place of the one before. @default none */
  readonly ticket?: string | undefined;
}

/** The rights of a request: what its sender may do, on which topics and until when. */
export interface Rights {
  readonly allow: true;
  /** The name of the sender, such as the subject of a token. @default unknown */
  readonly subject?: string | undefined;
  /** The topics that the sender may listen to. @default 'all' */
  readonly listen?: TopicSet | undefined;
  /** The topics that the sender may publish to. @default none */
  readonly publish?: TopicSet | undefined;
  /**
   * The topics that the sender may create with options and delete, and those whose options it may change. It is told whether such a topic is known.
   * @default all topics if it may administer a hub, or none
   */
  readonly manage?: TopicSet | undefined;
  /**
   * The topics of which the sender may be told who listens to them, as far as it may listen to them itself. @default all topics if it may administer a hub, or none
   */
  readonly presence?: TopicSet | undefined;
  /** The topics whose private events the listener gets, too. @default none */
  readonly private?: TopicSet | undefined;
  /** Whether it may administer a hub: publish events that only a hub itself sends, such as a gap of a stream that it copies. @default false */
  readonly admin?: boolean | undefined;
  /**
   * When the rights expire, in milliseconds since 1970. Then `authenticate` is called again. A number that can only be one of seconds, such as the `exp`
   * of a token, is refused. Rights that have expired already are a refusal.
   * @default never
   */
  readonly expiresAt?: number | undefined;
  /** How the sender has shown who it is. `kick` is told it. @default unknown */
  readonly credential?: Credential | undefined;
  /**
   * The key by which `maxListenersPerKey` counts the listener.
   * @default the result of the option `key`
   */
  readonly key?: string | undefined;
  /**
   * Returns whether the listener gets an event, live or replayed. It must return the same for the same event. If it throws, the stream is broken off, and
   * the listener that comes back meets the same event again. @default all events
   */
  readonly filter?: ((event: ReceivedEvent) => boolean) | undefined;
  /**
   * Filters with the same key count as one filter, which is called once for all of their listeners.
   * @default the filter of each listener is its own
   */
  readonly filterKey?: string | undefined;
}

/** The answer to a request that is refused. */
export interface Refusal {
  readonly allow: false;
  /** The status: 400 to 599. @default 403 */
  readonly status?: number | undefined;
  /** Header fields, such as `WWW-Authenticate`. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The body: plain text, unless the header fields name another type. @default a sentence */
  readonly body?: string | undefined;
}

/**
 * Decides what the sender of a request may do. It is called for every request, so on every reconnect too, and again when the rights
 * expire. `true` stands for the defaults of {@link Rights}: the sender may listen to everything. `false` is a refusal with 403.
 */
export type Authenticate = (request: RequestHead) => Authentication | Promise<Authentication>;
export type Authentication = boolean | Rights | Refusal;

/** An action, by its name in {@link Rights}. */
export type Action = 'listen' | 'publish' | 'manage' | 'presence';

const ALLOWED: Rights = { allow: true };
const REFUSED: Refusal = { allow: false };

/** The refusal of a sender whose rights have expired already. */
export const EXPIRED: Refusal = { allow: false };

// As milliseconds these are days of 1970 to 1973, as seconds those from 2001 on.
const MIN_SECONDS = 1e9;
const MAX_SECONDS = 1e11;

/**
 * Checks the result of `authenticate`, which in JavaScript may be anything. Rights that have expired already are the refusal {@link EXPIRED}.
 * @param time milliseconds since 1970
 * @throws {ServerError} `ERR_INVALID_RIGHTS` if it cannot be used: a sender that is not clearly allowed something is allowed nothing
 */
export function checkRights(answer: Authentication, time: number): Rights | Refusal {
  if (answer === true) return ALLOWED;
  if (answer === false) return REFUSED;
  if (typeof answer !== 'object' || answer === null || typeof answer.allow !== 'boolean') {
    // Not the whole answer, which may hold a token.
    const names = Object.keys(answer ?? {});
    const nearest = names.find((name) => name !== 'allow' && suggestion(name, ['allow']) !== '');
    const hint = nearest === undefined ? '' : `, and ${shown(nearest)} is not known; did you mean allow?`;
    throw invalid('', foundInstead(answer), `a boolean or an object whose \`allow\` is one${hint}`);
  }
  if (answer.allow) return checkAllowed(answer, time);
  checkMembers(answer, REFUSAL_NAMES);
  const { status } = answer;
  if (status !== undefined && !(Number.isInteger(status) && status >= 400 && status <= 599)) {
    throw invalid('status ', shown(status), 'an integer from 400 to 599');
  }
  return answer;
}

/** What was found in the place of a boolean or an object with one, in words that hold no value. */
function foundInstead(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return shownType(answer);
  return 'allow' in answer ? `an object whose \`allow\` is ${shownType(answer.allow)}` : 'an object without `allow`';
}

function shownType(value: unknown): string {
  return typeof value === 'string' ? 'a string' : shown(value);
}

const NAMES: Readonly<Record<keyof Rights, true>> = {
  allow: true,
  subject: true,
  listen: true,
  publish: true,
  manage: true,
  presence: true,
  private: true,
  admin: true,
  expiresAt: true,
  credential: true,
  key: true,
  filter: true,
  filterKey: true,
};

const REFUSAL_NAMES: Readonly<Record<keyof Refusal, true>> = { allow: true, status: true, headers: true, body: true };

/** A misspelled right would not limit anything, and a misspelled part of a refusal would not be sent. */
function checkMembers(answer: object, names: object): void {
  for (const name of Object.keys(answer)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    throw invalid(`${name} `, 'an unknown member', `one of ${known.join(', ')}${suggestion(name, known)}`);
  }
}

function checkAllowed(rights: Rights, time: number): Rights | Refusal {
  checkMembers(rights, NAMES);
  for (const name of ['subject', 'key', 'filterKey'] as const) {
    const value: unknown = rights[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} `, shown(value), 'a string');
  }
  for (const name of ['listen', 'publish', 'manage', 'presence', 'private'] as const) checkTopics(name, rights[name]);
  const { admin, expiresAt, filter } = rights;
  if (admin !== undefined && typeof admin !== 'boolean') throw invalid('admin ', shown(admin), 'a boolean');
  if (expiresAt !== undefined && (typeof expiresAt !== 'number' || Number.isNaN(expiresAt))) {
    throw invalid('expiresAt ', shown(expiresAt), 'milliseconds since 1970');
  }
  if (rights.credential !== undefined) checkCredential(rights.credential);
  const hasExpired = expiresAt !== undefined && expiresAt <= time;
  // The `exp` of a token is in seconds, and all rights would have expired.
  if (hasExpired && expiresAt >= MIN_SECONDS && expiresAt < MAX_SECONDS) {
    throw invalid(
      'expiresAt ',
      expiresAt,
      'milliseconds since 1970; this number looks like seconds: multiply it by 1000',
    );
  }
  if (filter !== undefined && typeof filter !== 'function') throw invalid('filter ', shown(filter), 'a function');
  return hasExpired ? EXPIRED : rights;
}

const CREDENTIAL_NAMES: Readonly<Record<keyof Credential, true>> = {
  id: true,
  issuer: true,
  issuedAt: true,
  carrier: true,
  ticket: true,
};

const CARRIERS: ReadonlySet<unknown> = new Set([undefined, 'header', 'cookie', 'query']);

function checkCredential(credential: Credential): void {
  if (typeof credential !== 'object' || credential === null)
    throw invalid('credential ', shownType(credential), 'an object');
  checkMembers(credential, CREDENTIAL_NAMES);
  for (const name of ['id', 'issuer', 'ticket'] as const) {
    const value: unknown = credential[name];
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`credential.${name} `, shownType(value), 'a string');
  }
  const { issuedAt, carrier } = credential;
  if (issuedAt !== undefined && !Number.isFinite(issuedAt)) {
    throw invalid('credential.issuedAt ', shown(issuedAt), 'milliseconds since 1970');
  }
  if (!CARRIERS.has(carrier)) throw invalid('credential.carrier ', shown(carrier), 'header, cookie or query');
}

function checkTopics(name: string, topics: TopicSet | undefined): void {
  if (topics === undefined || topics === 'all') return;
  if (!Array.isArray(topics)) throw invalid(`${name} `, topics, "'all' or an array of topics and patterns");
  try {
    testOf(topics);
  } catch (cause) {
    throw invalid(`${name} `, topics, "'all' or an array of topics and patterns", { cause });
  }
}

/**
 * Whether the rights allow an action for a topic, or for all topics of a pattern. A pattern is allowed if all topics are, or if the
 * rights have the very same pattern.
 */
export function may(rights: Rights, action: Action, matcher: Matcher): boolean {
  const allowed = allowedBy(rights, action);
  if (allowed === 'all') return true;
  if (typeof matcher === 'string') return testOf(allowed).has(matcher);
  return allowed.some(
    (each) => typeof each !== 'string' && each.pattern === matcher.pattern && each.base === matcher.base,
  );
}

/** The topics for which rights allow an action. */
export function allowedBy(rights: Rights, action: Action): TopicSet {
  const isOfAdmin = action === 'manage' || action === 'presence';
  const isUsual = action === 'listen' || (isOfAdmin && rights.admin === true);
  return rights[action] ?? (isUsual ? 'all' : []);
}

/** Rights are often one object for many requests, and compiling patterns is expensive. */
const tests = new WeakMap<object, { readonly matchers: readonly Matcher[]; readonly test: TopicTest }>();

function testOf(topics: Exclude<TopicSet, 'all'>): TopicTest {
  const known = tests.get(topics);
  // The list may have been changed since. What was removed from it is no longer allowed.
  if (known?.matchers.length === topics.length && known.matchers.every((matcher, index) => matcher === topics[index])) {
    return known.test;
  }
  const test = new TopicTest(topics);
  tests.set(topics, { matchers: [...topics], test });
  return test;
}

function invalid(what: string, found: unknown, allowed: string, options?: ErrorOptions): ServerError {
  const named = typeof found === 'object' && found !== null ? JSON.stringify(found) : String(found);
  return new ServerError(
    'ERR_INVALID_RIGHTS',
    `Cannot use the result of authenticate: ${what || 'it '}is ${named}, but must be ${allowed}`,
    options,
  );
}
